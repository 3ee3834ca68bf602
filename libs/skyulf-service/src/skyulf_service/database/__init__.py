"""Databases of services: engines, types, repositories, units of work, migrations."""
