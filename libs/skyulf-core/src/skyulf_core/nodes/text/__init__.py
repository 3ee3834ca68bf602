"""Nodes that turn texts into numbers."""
