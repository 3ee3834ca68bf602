"""Positions on earth."""
