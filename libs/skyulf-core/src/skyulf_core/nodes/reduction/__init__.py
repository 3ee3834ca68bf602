"""Nodes that make few columns of many."""
