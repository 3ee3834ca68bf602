"""Nodes that choose columns."""
