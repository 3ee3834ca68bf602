"""How far the feeds of services were read."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
works_with = "0001"


def upgrade() -> None:
    """Create the marks. Without one a feed is read from its beginning, which closes the gaps of the last seven days."""
    op.create_table(
        "feed_marks",
        sa.Column("owner", sa.String(40), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("event_id", sa.String(80), nullable=False),
    )
