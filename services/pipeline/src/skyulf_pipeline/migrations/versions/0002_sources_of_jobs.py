"""Jobs of graphs that read several datasets."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give jobs their further sources; those of before had none."""
    op.add_column("jobs", sa.Column("sources", Json, nullable=False, server_default="{}"))
