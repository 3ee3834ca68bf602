"""Alembic's entry; `skyulf_service.database.migrations` does the work."""

from skyulf_registry.persistence.tables import metadata
from skyulf_service.database.migrations import run_env

run_env(metadata)
