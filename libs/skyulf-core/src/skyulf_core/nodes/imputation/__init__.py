"""Filling in missing values."""
