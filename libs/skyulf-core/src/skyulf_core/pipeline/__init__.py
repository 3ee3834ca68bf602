"""Pipelines: a configuration, checked; then trained, applied, saved."""
