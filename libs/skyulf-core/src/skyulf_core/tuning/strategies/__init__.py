"""Strategies: which values are tried next."""
