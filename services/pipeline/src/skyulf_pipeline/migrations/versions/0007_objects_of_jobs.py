"""Which objects jobs refer to: what their manifests list, once somebody has looked.

A runner of the release before leaves its jobs as ones that nobody has looked at, which is right.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
works_with = "0006"

UNKNOWN = "status = 'succeeded' AND objects_known = false"


def upgrade() -> None:
    """Make room for the keys; the collector of orphans fills it, and the jobs of before are the first that it reads."""
    op.create_table("job_objects", sa.Column("key", sa.String(250), primary_key=True))
    op.add_column("jobs", sa.Column("objects_known", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_jobs_objects_unknown", "jobs", ["id"], sqlite_where=sa.text(UNKNOWN), postgresql_where=sa.text(UNKNOWN)
    )
