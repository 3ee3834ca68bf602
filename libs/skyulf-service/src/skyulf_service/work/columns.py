"""The columns that make a table's rows claimable, for tables and for their migrations."""

from typing import Protocol

from sqlalchemy import Boolean, CheckConstraint, Column, Float, Index, Integer, String, Text, false, text
from sqlalchemy.schema import SchemaItem

from skyulf_service.database.types import UtcDateTime

# the condition of the index of open work: a query that is worded the same is answered by it
OPEN = "status IN ('queued', 'running', 'cancelling')"
_INDEXED = ("status", "priority", "queued_at")


class Operations(Protocol):
    """The part of Alembic's ``op`` that is used here."""

    def create_index(
        self, index_name: str, table_name: str, columns: list[str], *, sqlite_where: object, postgresql_where: object
    ) -> None:
        """Create an index."""
        ...


def columns(table: str) -> list[SchemaItem]:
    """The work columns, their checks and the index of open work, as further arguments of ``Table(table, …)``.

    The table also has ``id``, and should have ``project_id`` (fair claims), ``version`` and ``updated_at``.
    """
    index = Index(work_index_name(table), *_INDEXED, sqlite_where=text(OPEN), postgresql_where=text(OPEN))
    return [*work_columns_v1(), *work_checks_v1(), index]


def work_columns_v1() -> list[Column[object]]:
    """The columns as of the first release, for migrations; never changed, later ones come as a next version."""
    return [
        Column("status", String(16), nullable=False, server_default="queued"),
        Column("priority", Integer, nullable=False, server_default=text("0")),
        Column("attempt", Integer, nullable=False, server_default=text("0")),
        Column("max_attempts", Integer, nullable=False, server_default=text("20")),
        Column("run_after", UtcDateTime, nullable=False),
        Column("deadline_at", UtcDateTime),
        Column("lease_owner", String(128)),
        Column("lease_expires_at", UtcDateTime),
        Column("lease_epoch", Integer, nullable=False, server_default=text("0")),
        Column("progress", Float, nullable=False, server_default=text("0")),
        Column("step", Text, nullable=False, server_default=""),
        Column("error_code", String(64)),
        Column("error_message", Text),
        Column("cancel_requested", Boolean, nullable=False, server_default=false()),
        Column("queued_at", UtcDateTime, nullable=False),
        Column("started_at", UtcDateTime),
        Column("finished_at", UtcDateTime),
    ]


def work_checks_v1() -> list[CheckConstraint]:
    """The checks as of the first release, for migrations."""
    known = "status IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')"
    return [
        CheckConstraint(known, name="work_status"),
        CheckConstraint("progress >= 0 AND progress <= 1", name="work_progress"),
        CheckConstraint("(status IN ('running', 'cancelling')) = (lease_owner IS NOT NULL)", name="work_lease"),
        CheckConstraint(
            "(status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", name="work_finished"
        ),
    ]


def create_work_index_v1(op: Operations, table: str) -> None:
    """Create the index of open work in a migration (Alembic's ``op`` comes first)."""
    op.create_index(work_index_name(table), table, [*_INDEXED], sqlite_where=text(OPEN), postgresql_where=text(OPEN))


def work_index_name(table: str) -> str:
    """The name of the index of open work."""
    return f"ix_{table}_open_work"
