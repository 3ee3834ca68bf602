"""The pipeline service's tables. Changing one needs a migration; a test compares the two."""

from skyulf_service.database.tables import add_messaging_tables, new_metadata, one_of
from skyulf_service.database.types import Json, UtcDateTime
from skyulf_service.work.columns import columns as work_columns
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    Uuid,
    false,
    text,
)

from skyulf_pipeline.domain.datasets import DatasetStatus
from skyulf_pipeline.domain.jobs import JobKind, LogLevel
from skyulf_pipeline.domain.pipelines import PipelineStatus
from skyulf_pipeline.domain.trials import TrialState

# the condition of an index, and of the query that it answers
OBJECTS_UNKNOWN = "status = 'succeeded' AND objects_known = false"

metadata = new_metadata()
messaging = add_messaging_tables(metadata)

pipelines = Table(
    "pipelines",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("register_as", String(63), nullable=False),
    Column("status", String(20), one_of("status", PipelineStatus), nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index(None, "project_id", "created_at", "id"),
)

pipeline_versions = Table(
    "pipeline_versions",
    metadata,
    Column("pipeline_id", Uuid, ForeignKey("pipelines.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("project_id", Uuid, nullable=False),
    Column("config", Json, nullable=False),
    Column("author", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

# a copy of ingestion's state, made of its events only
datasets = Table(
    "datasets",
    metadata,
    Column("dataset_id", Uuid, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("project_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", String(20), one_of("status", DatasetStatus), nullable=False),
    Column("event_version", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("columns", Json, nullable=False),
    Column("file", Json),
    Column("reason", Text, nullable=False),
    CheckConstraint("(status = 'ready') = (file IS NOT NULL)", name="ready_has_a_file"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("kind", String(20), one_of("kind", JobKind), nullable=False),
    Column("pipeline_id", Uuid, nullable=False),
    Column("pipeline_version", Integer, nullable=False),
    Column("pipeline_name", Text, nullable=False),
    Column("dataset_id", Uuid, nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("dataset_name", Text, nullable=False),
    Column("sources", Json, nullable=False, server_default="{}"),
    Column("register_as", String(63), nullable=False),
    Column("author", Text, nullable=False),
    Column("traceparent", String(80)),
    Column("outcome", Json),
    Column("report", Json),
    Column("tuning", Json),
    Column("keep_best", Boolean, nullable=False, server_default=false()),
    Column("best", Json),
    Column("received", Json),
    Column("objects_known", Boolean, nullable=False, server_default=false()),
    *work_columns("jobs"),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    CheckConstraint("(status = 'succeeded') = (outcome IS NOT NULL)", name="success_has_an_outcome"),
    Index(None, "project_id", "created_at", "id"),
    Index(None, "pipeline_id"),
    Index(
        "ix_jobs_objects_unknown",
        "id",
        sqlite_where=text(OBJECTS_UNKNOWN),
        postgresql_where=text(OBJECTS_UNKNOWN),
    ),
)

# what the manifests of those jobs list whose objects are known: manifests are not read again, and jobs are not deleted
job_objects = Table("job_objects", metadata, Column("key", String(250), primary_key=True))

job_logs = Table(
    "job_logs",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("project_id", Uuid, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("level", String(20), one_of("level", LogLevel), nullable=False),
    Column("message", Text, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("job_id", Uuid, ForeignKey("jobs.id"), primary_key=True),
    Column("part", String(16), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("project_id", Uuid, nullable=False),
    Column("state", String(20), one_of("state", TrialState), nullable=False),
    Column("score", Float),
    Column("params", Json, nullable=False),
    Column("folds", Json, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("error", Text),
    Column("round", Integer, nullable=False),
    Column("resource", BigInteger),
    Column("changed_at", UtcDateTime, nullable=False),
)
