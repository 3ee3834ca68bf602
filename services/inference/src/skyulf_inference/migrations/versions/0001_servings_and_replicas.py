"""What shall be served, replicas, and what they hold."""

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
    op.create_table(
        "servings",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("deployment_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("desired_order", sa.Integer, nullable=False),
        sa.Column("desired", sa.String(20), nullable=False),
        sa.Column("target", Json),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("replicas", sa.Integer, nullable=False),
        sa.Column("error_code", sa.String(80)),
        sa.Column("error_message", sa.Text),
        sa.Column("traceparent", sa.String(80)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("desired IN ('active', 'stopped')", name="desired"),
        sa.CheckConstraint("status IN ('pending', 'ready', 'failed', 'stopped')", name="status"),
        sa.UniqueConstraint("deployment_id", name=op.f("uq_servings_deployment_id")),
        sa.UniqueConstraint("project_id", "name", name=op.f("uq_servings_project_id_name")),
    )
    op.create_index(op.f("ix_servings_project_id_created_at_id"), "servings", ["project_id", "created_at", "id"])
    op.create_table(
        "replicas",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "replica_states",
        sa.Column("replica_id", sa.Uuid, primary_key=True),
        sa.Column("serving_id", sa.Uuid, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("serving_revision", sa.Integer),
        sa.Column("error_code", sa.String(80)),
        sa.Column("error_message", sa.Text),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("status IN ('ready', 'failed')", name="status"),
    )
