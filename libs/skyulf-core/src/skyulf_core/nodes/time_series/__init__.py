"""Nodes that follow the order of time."""
