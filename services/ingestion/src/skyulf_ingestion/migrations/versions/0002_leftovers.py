"""Names of objects that are to be removed."""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the list; what failed or was deleted before is found by the collector of orphans."""
    op.create_table(
        "leftovers",
        sa.Column("name", sa.String(900), primary_key=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
    )
