"""Bringing numbers to one scale."""
