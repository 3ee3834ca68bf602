"""Measurements of Skyulf, beside what a person would write without it: ``python tests/performance/run.py``."""
