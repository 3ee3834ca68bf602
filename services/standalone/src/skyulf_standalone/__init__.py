"""Skyulf in one process, and the server commands."""
