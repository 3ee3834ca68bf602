"""Backup and restore: databases of one moment, the objects that they refer to, keys and settings, in one file."""
