"""Alembic's entry; `skyulf_service.database.migrations` does the work."""

from skyulf_service.database.migrations import run_env

from skyulf_ingestion.persistence.tables import metadata

run_env(metadata)
