"""Jobs that tune, and their trials."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import Json, UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KINDS = "kind IN ('train', 'tune')"


def upgrade() -> None:
    """Let jobs tune; those of before trained."""
    with op.batch_alter_table("jobs") as batch:
        batch.drop_constraint(op.f("ck_jobs_kind"), type_="check")
        batch.create_check_constraint("kind", KINDS)
        batch.add_column(sa.Column("tuning", Json))
        batch.add_column(sa.Column("keep_best", sa.Boolean, nullable=False, server_default=sa.false()))
        batch.add_column(sa.Column("best", Json))
    op.create_table(
        "trials",
        sa.Column("job_id", sa.Uuid, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("part", sa.String(16), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("params", Json, nullable=False),
        sa.Column("folds", Json, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("resource", sa.BigInteger),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.CheckConstraint("state IN ('running', 'complete', 'pruned', 'failed', 'stopped')", name="state"),
    )
