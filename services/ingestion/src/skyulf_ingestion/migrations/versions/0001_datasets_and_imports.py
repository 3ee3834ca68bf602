"""Datasets and their imports."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.migrations import create_messaging_tables_v1
from skyulf_service.database.types import Json, UtcDateTime
from skyulf_service.work.columns import create_work_index_v1, work_checks_v1, work_columns_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the first tables."""
    create_messaging_tables_v1()
    op.create_table(
        "datasets",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("format", sa.String(20), nullable=False),
        sa.Column("source", Json, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("content", Json),
        sa.Column("error_code", sa.String(80)),
        sa.Column("error_message", sa.Text),
        *_aggregate(),
        sa.CheckConstraint("format IN ('csv', 'parquet')", name="format"),
        sa.CheckConstraint("status IN ('processing', 'ready', 'failed', 'cancelled')", name="status"),
    )
    op.create_index(op.f("ix_datasets_project_id_created_at_id"), "datasets", ["project_id", "created_at", "id"])
    op.create_table(
        "imports",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("dataset_id", sa.Uuid, sa.ForeignKey("datasets.id", ondelete="CASCADE"), nullable=False),
        sa.Column("format", sa.String(20), nullable=False),
        sa.Column("source", Json, nullable=False),
        sa.Column("options", Json, nullable=False),
        sa.Column("traceparent", sa.String(80)),
        *_aggregate(),
        *work_columns_v1(),
        *work_checks_v1(),
        sa.UniqueConstraint("dataset_id", name=op.f("uq_imports_dataset_id")),
    )
    create_work_index_v1(op, "imports")


def _aggregate() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    ]
