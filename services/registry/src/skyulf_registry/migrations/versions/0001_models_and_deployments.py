"""Models, versions, deployments and their history."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.migrations import create_messaging_tables_v1
from skyulf_service.database.types import Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    create_messaging_tables_v1()
    _models()
    _versions()
    _deployments()


def _aggregate() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    ]


def _models() -> None:
    op.create_table(
        "models",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("latest_version", sa.Integer, nullable=False),
        sa.Column("aliases", Json, nullable=False),
        *_aggregate(),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_models_project_id_name")),
    )
    op.create_index(op.f("ix_models_project_id_created_at_id"), "models", ["project_id", "created_at", "id"])


def _versions() -> None:
    op.create_table(
        "model_versions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("model_id", sa.Uuid, sa.ForeignKey("models.id"), nullable=False),
        sa.Column("model", sa.String(63), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("job_id", sa.Uuid, nullable=False),
        sa.Column("pipeline_id", sa.Uuid, nullable=False),
        sa.Column("pipeline_version", sa.Integer, nullable=False),
        sa.Column("pipeline_name", sa.Text, nullable=False),
        sa.Column("dataset_id", sa.Uuid, nullable=False),
        sa.Column("dataset_version", sa.Integer, nullable=False),
        sa.Column("artifact", Json, nullable=False),
        sa.Column("task", sa.String(40), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("estimator", sa.Text, nullable=False),
        sa.Column("framework", sa.Text, nullable=False),
        sa.Column("metrics", Json, nullable=False),
        sa.Column("stage", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        *_aggregate(),
        sa.CheckConstraint("stage IN ('none', 'development', 'staging', 'production', 'archived')", name="stage"),
        sa.CheckConstraint("status IN ('ready', 'archived')", name="status"),
        sa.UniqueConstraint("model_id", "number", name=op.f("uq_model_versions_model_id_number")),
        sa.UniqueConstraint("job_id", name=op.f("uq_model_versions_job_id")),
    )
    op.create_index(
        op.f("ix_model_versions_project_id_created_at_id"), "model_versions", ["project_id", "created_at", "id"]
    )


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("desired", sa.String(20), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("model_version_id", sa.Uuid, sa.ForeignKey("model_versions.id")),
        sa.Column("model", sa.String(63)),
        sa.Column("model_version", sa.Integer),
        sa.Column("observed", sa.String(20), nullable=False),
        sa.Column("observed_revision", sa.Integer),
        sa.Column("observed_version", sa.Integer),
        sa.Column("replicas", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(80)),
        sa.Column("error_message", sa.Text),
        sa.Column("serving_model", sa.String(63)),
        sa.Column("serving_model_version", sa.Integer),
        *_aggregate(),
        sa.CheckConstraint("desired IN ('active', 'stopped')", name="desired"),
        sa.CheckConstraint("observed IN ('pending', 'ready', 'failed', 'stopped')", name="observed"),
        sa.CheckConstraint("(desired = 'active') = (model_version_id IS NOT NULL)", name="active_has_a_version"),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_deployments_project_id_name")),
    )
    op.create_index(op.f("ix_deployments_project_id_created_at_id"), "deployments", ["project_id", "created_at", "id"])
    op.create_index(op.f("ix_deployments_model_version_id"), "deployments", ["model_version_id"])
    op.create_table(
        "deployment_revisions",
        sa.Column("deployment_id", sa.Uuid, sa.ForeignKey("deployments.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("model_version_id", sa.Uuid),
        sa.Column("model", sa.String(63)),
        sa.Column("model_version", sa.Integer),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("reason IN ('deploy', 'rollback', 'stop')", name="reason"),
    )
