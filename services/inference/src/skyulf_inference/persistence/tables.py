"""Inference's tables. Changing one needs a migration; a test compares the two."""

from skyulf_service.database.tables import add_messaging_tables, new_metadata, one_of
from skyulf_service.database.types import Json, UtcDateTime
from sqlalchemy import Column, Index, Integer, String, Table, Text, UniqueConstraint, Uuid

from skyulf_inference.domain.serving import Desired, ReplicaStatus, ServingStatus

metadata = new_metadata()
messaging = add_messaging_tables(metadata)

servings = Table(
    "servings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("deployment_id", Uuid, nullable=False),
    Column("name", String(63), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("desired_order", Integer, nullable=False),
    Column("desired", String(20), one_of("desired", Desired), nullable=False),
    Column("target", Json),
    Column("status", String(20), one_of("status", ServingStatus), nullable=False),
    Column("replicas", Integer, nullable=False),
    Column("error_code", String(80)),
    Column("error_message", Text),
    Column("traceparent", String(80)),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("deployment_id"),
    UniqueConstraint("project_id", "name"),
    Index(None, "project_id", "created_at", "id"),
)

replicas = Table(
    "replicas",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("started_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    # of a dedicated replica: the one deployment that it serves, and the one artifact
    Column("only_deployment_id", Uuid),
    Column("only_digest", String(64)),
)

replica_states = Table(
    "replica_states",
    metadata,
    Column("replica_id", Uuid, primary_key=True),
    Column("serving_id", Uuid, primary_key=True),
    Column("revision", Integer, nullable=False),
    Column("status", String(20), one_of("status", ReplicaStatus), nullable=False),
    Column("serving_revision", Integer),
    Column("error_code", String(80)),
    Column("error_message", Text),
    Column("updated_at", UtcDateTime, nullable=False),
)
