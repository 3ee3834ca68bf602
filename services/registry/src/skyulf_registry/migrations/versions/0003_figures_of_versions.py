"""How sure the metrics of versions are, what was decided after training, and what the models go by."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give versions their further figures; nobody has told those of before."""
    op.add_column("model_versions", sa.Column("intervals", Json, nullable=False, server_default="{}"))
    op.add_column("model_versions", sa.Column("decisions", Json, nullable=False, server_default="{}"))
    op.add_column("model_versions", sa.Column("importances", Json, nullable=False, server_default="[]"))
