"""Nodes that balance the classes of the training rows."""
