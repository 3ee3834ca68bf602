"""Jobs that take a model in which was trained elsewhere.

Without ``works_with``: a runner of the release before would fail every job of a kind that it does not know.
"""

import sqlalchemy as sa
from alembic import op
from skyulf_service.database.types import Json

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KINDS = "kind IN ('train', 'tune', 'automl', 'import')"


def upgrade() -> None:
    """Let jobs import, and say where what they were sent lies until they have ended."""
    with op.batch_alter_table("jobs") as batch:
        batch.drop_constraint(op.f("ck_jobs_kind"), type_="check")
        batch.create_check_constraint("kind", KINDS)
        batch.add_column(sa.Column("received", Json))
