"""Versions of models that were made from several datasets."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import Json

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give versions their further sources; those of before had none."""
    op.add_column("model_versions", sa.Column("sources", Json, nullable=False, server_default="{}"))
