"""Replicas that serve one deployment only."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None
works_with = "0001"


def upgrade() -> None:
    """Add columns that older processes leave empty: a replica without them serves everything."""
    with op.batch_alter_table("replicas") as batch:
        batch.add_column(sa.Column("only_deployment_id", sa.Uuid))
        batch.add_column(sa.Column("only_digest", sa.String(64)))
