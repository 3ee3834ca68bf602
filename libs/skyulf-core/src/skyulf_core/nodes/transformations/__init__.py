"""Numbers through a function, to bring them into another shape."""
