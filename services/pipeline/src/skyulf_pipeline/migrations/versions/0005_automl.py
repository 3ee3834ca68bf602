"""Jobs that search for the best pipeline."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KINDS = "kind IN ('train', 'tune', 'automl')"


def upgrade() -> None:
    """Let jobs search."""
    with op.batch_alter_table("jobs") as batch:
        batch.drop_constraint(op.f("ck_jobs_kind"), type_="check")
        batch.create_check_constraint("kind", KINDS)
