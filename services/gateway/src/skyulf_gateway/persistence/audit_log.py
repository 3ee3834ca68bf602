"""The SQL of the audit log."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from skyulf_service.database.pagination import Page, decode_cursor, encode_cursor, invalid_cursor
from skyulf_service.scope import Scope
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_gateway.domain.audit import AuditEntry
from skyulf_gateway.persistence.tables import audit_log

ORDER = "audit"


class AuditLog:
    """Appends what happened, and lists it newest first."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def append(self, entries: Sequence[AuditEntry]) -> None:
        """Write entries in one statement."""
        rows = [{key: value for key, value in asdict(entry).items() if key != "seq"} for entry in entries]
        await self._connection.execute(insert(audit_log), rows)

    async def list(self, scope: Scope, *, limit: int, cursor: str | None = None) -> Page[AuditEntry]:
        """The entries of the scope's project."""
        query = select(audit_log).where(audit_log.c.project_id == scope.require_project())
        if cursor is not None:
            query = query.where(audit_log.c.seq < _number(cursor))
        rows = (
            (await self._connection.execute(query.order_by(audit_log.c.seq.desc()).limit(limit + 1))).mappings().all()
        )
        entries = [AuditEntry(**row) for row in rows[:limit]]
        more = encode_cursor(ORDER, [rows[limit - 1]["seq"]]) if len(rows) > limit else None
        return Page(entries, more)

    async def forget(self, before: datetime) -> int:
        """Remove entries older than a moment; returns how many."""
        return (await self._connection.execute(delete(audit_log).where(audit_log.c.at < before))).rowcount


def _number(cursor: str) -> int:
    (seq,) = decode_cursor(cursor, ORDER, 1)
    if not isinstance(seq, int):
        raise invalid_cursor()
    return seq
