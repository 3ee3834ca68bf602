"""Pipelines, jobs with their logs, and the copy of the datasets."""

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
    _pipelines()
    _datasets()
    _jobs()


def _aggregate() -> list[sa.Column[object]]:
    return [
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    ]


def _pipelines() -> None:
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("register_as", sa.String(63), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("latest_version", sa.Integer, nullable=False),
        *_aggregate(),
        sa.CheckConstraint("status IN ('active', 'deleted')", name="status"),
    )
    op.create_index(op.f("ix_pipelines_project_id_created_at_id"), "pipelines", ["project_id", "created_at", "id"])
    op.create_table(
        "pipeline_versions",
        sa.Column("pipeline_id", sa.Uuid, sa.ForeignKey("pipelines.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("config", Json, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )


def _datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("dataset_id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("event_version", sa.Integer, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("columns", Json, nullable=False),
        sa.Column("file", Json),
        sa.Column("reason", sa.Text, nullable=False),
        sa.CheckConstraint("status IN ('processing', 'ready', 'failed', 'deleted')", name="status"),
        sa.CheckConstraint("(status = 'ready') = (file IS NOT NULL)", name="ready_has_a_file"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("pipeline_id", sa.Uuid, nullable=False),
        sa.Column("pipeline_version", sa.Integer, nullable=False),
        sa.Column("pipeline_name", sa.Text, nullable=False),
        sa.Column("dataset_id", sa.Uuid, nullable=False),
        sa.Column("dataset_version", sa.Integer, nullable=False),
        sa.Column("dataset_name", sa.Text, nullable=False),
        sa.Column("register_as", sa.String(63), nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("traceparent", sa.String(80)),
        sa.Column("outcome", Json),
        *work_columns_v1(),
        *_aggregate(),
        sa.CheckConstraint("kind IN ('train')", name="kind"),
        sa.CheckConstraint("(status = 'succeeded') = (outcome IS NOT NULL)", name="success_has_an_outcome"),
        *work_checks_v1(),
    )
    op.create_index(op.f("ix_jobs_project_id_created_at_id"), "jobs", ["project_id", "created_at", "id"])
    op.create_index(op.f("ix_jobs_pipeline_id"), "jobs", ["pipeline_id"])
    create_work_index_v1(op, "jobs")
    op.create_table(
        "job_logs",
        sa.Column("job_id", sa.Uuid, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("level", sa.String(20), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.CheckConstraint("level IN ('info', 'warning', 'error')", name="level"),
    )
