"""Frames at the edges of the library, and the splits inside."""
