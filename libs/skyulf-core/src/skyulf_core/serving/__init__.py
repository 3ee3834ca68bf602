"""Serving plans: a fitted pipeline as data, run on plain values and numpy columns. No frame library is imported."""
