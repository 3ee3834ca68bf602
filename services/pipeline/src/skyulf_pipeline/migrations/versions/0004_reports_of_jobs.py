"""Reports of jobs: where each of their forms lies."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let jobs have a report; those of before made none."""
    op.add_column("jobs", sa.Column("report", Json))
