"""Ingestion's tables. Changing one needs a migration; a test compares the two."""

from skyulf_service.database.tables import add_messaging_tables, new_metadata, one_of
from skyulf_service.database.types import Json, UtcDateTime
from skyulf_service.work.columns import columns as work_columns
from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text, Uuid

from skyulf_ingestion.domain.datasets import DatasetStatus, Format

metadata = new_metadata()
messaging = add_messaging_tables(metadata)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("name", String(255), nullable=False),
    Column("format", String(20), one_of("format", Format), nullable=False),
    Column("source", Json, nullable=False),
    Column("number", Integer, nullable=False),
    Column("status", String(20), one_of("status", DatasetStatus), nullable=False),
    Column("content", Json),
    Column("error_code", String(80)),
    Column("error_message", Text),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "project_id", "created_at", "id"),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("dataset_id", Uuid, ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("format", String(20), nullable=False),
    Column("source", Json, nullable=False),
    Column("options", Json, nullable=False),
    Column("traceparent", String(80)),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    *work_columns("imports"),
)

# objects that no dataset needs any more, by key or beginning of keys, until a worker has removed them
leftovers = Table(
    "leftovers",
    metadata,
    Column("name", String(900), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
)
