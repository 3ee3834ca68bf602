"""The registry's tables. Changing one needs a migration; a test compares the two."""

from skyulf_service.database.tables import add_messaging_tables, new_metadata, one_of
from skyulf_service.database.types import Json, UtcDateTime
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, Uuid

from skyulf_registry.domain.deployments import Desired, Observed, Reason
from skyulf_registry.domain.models import Stage, VersionStatus

metadata = new_metadata()
messaging = add_messaging_tables(metadata)

models = Table(
    "models",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("name", String(63), nullable=False),
    Column("description", Text, nullable=False),
    Column("latest_version", Integer, nullable=False),
    Column("aliases", Json, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("project_id", "name"),
    Index(None, "project_id", "created_at", "id"),
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("model_id", Uuid, ForeignKey("models.id"), nullable=False),
    Column("model", String(63), nullable=False),
    Column("number", Integer, nullable=False),
    Column("job_id", Uuid, nullable=False),
    Column("pipeline_id", Uuid, nullable=False),
    Column("pipeline_version", Integer, nullable=False),
    Column("pipeline_name", Text, nullable=False),
    Column("dataset_id", Uuid, nullable=False),
    Column("dataset_version", Integer, nullable=False),
    Column("sources", Json, nullable=False, server_default="{}"),
    Column("artifact", Json, nullable=False),
    Column("task", String(40), nullable=False),
    Column("target", Text, nullable=False),
    Column("estimator", Text, nullable=False),
    Column("framework", Text, nullable=False),
    Column("metrics", Json, nullable=False),
    Column("intervals", Json, nullable=False, server_default="{}"),
    Column("decisions", Json, nullable=False, server_default="{}"),
    Column("importances", Json, nullable=False, server_default="[]"),
    Column("stage", String(20), one_of("stage", Stage), nullable=False),
    Column("status", String(20), one_of("status", VersionStatus), nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("model_id", "number"),
    # The last guard of "a job makes one version": the inbox already drops the second delivery.
    UniqueConstraint("job_id"),
    Index(None, "project_id", "created_at", "id"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("name", String(63), nullable=False),
    Column("desired", String(20), one_of("desired", Desired), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("model_version_id", Uuid, ForeignKey("model_versions.id")),
    Column("model", String(63)),
    Column("model_version", Integer),
    Column("observed", String(20), one_of("observed", Observed), nullable=False),
    Column("observed_revision", Integer),
    Column("observed_version", Integer),
    Column("replicas", Integer, nullable=False),
    Column("error_code", String(80)),
    Column("error_message", Text),
    Column("serving_model", String(63)),
    Column("serving_model_version", Integer),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("project_id", "name"),
    CheckConstraint("(desired = 'active') = (model_version_id IS NOT NULL)", name="active_has_a_version"),
    Index(None, "project_id", "created_at", "id"),
    Index(None, "model_version_id"),
)

deployment_revisions = Table(
    "deployment_revisions",
    metadata,
    Column("deployment_id", Uuid, ForeignKey("deployments.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("project_id", Uuid, nullable=False),
    Column("reason", String(20), one_of("reason", Reason), nullable=False),
    Column("model_version_id", Uuid),
    Column("model", String(63)),
    Column("model_version", Integer),
    Column("actor", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
