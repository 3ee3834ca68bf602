"""Nodes with several inputs: columns put side by side, rows looked up by a key."""
