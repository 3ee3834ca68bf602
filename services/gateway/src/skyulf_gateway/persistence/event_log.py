"""The SQL of the event log."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from skyulf_service.database.types import database_now
from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_gateway.domain.log import EventFilter, LoggedEvent
from skyulf_gateway.persistence.tables import event_log, event_log_head

READ = [column for column in event_log.c if column.name != "appended_at"]


class EventLog:
    """Appends events under one lock, and reads them in the order in which they became visible."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def lock(self) -> None:
        """Lock the head's row until the transaction ends. SQLite has one writer anyway."""
        await self._connection.execute(select(event_log_head.c.last_seq).with_for_update())

    async def append(self, event: LoggedEvent) -> int:
        """Append an event with the next number. The head's row stays locked until the transaction ends."""
        head = event_log_head.c
        raised = update(event_log_head).where(head.id == 1).values(last_seq=head.last_seq + 1).returning(head.last_seq)
        seq: int = (await self._connection.execute(raised)).scalar_one()
        row = {**asdict(event), "seq": seq}
        await self._connection.execute(insert(event_log).values(**row, appended_at=database_now()))
        return seq

    async def head(self) -> int:
        """The number of the newest event; 0 before the first."""
        found: int = (await self._connection.execute(select(event_log_head.c.last_seq))).scalar_one()
        return found

    async def after(self, seq: int, *, limit: int) -> list[LoggedEvent]:
        """The events of all projects behind a number, oldest first."""
        return await self._read(event_log.c.seq > seq, limit=limit)

    async def matching(self, wanted: EventFilter, *, after: int, until: int, limit: int) -> list[LoggedEvent]:
        """The events that a subscriber wants in ``after < seq <= until``, oldest first."""
        columns = event_log.c
        conditions = [columns.project_id == wanted.project_id, columns.seq > after, columns.seq <= until]
        if wanted.types:
            conditions.append(columns.type.in_(sorted(wanted.types)))
        if wanted.subjects:
            conditions.append(columns.subject.in_(sorted(wanted.subjects)))
        return await self._read(*conditions, limit=limit)

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Remove at most ``limit`` of the oldest events that were appended before a moment; returns how many."""
        oldest = select(event_log.c.seq).where(event_log.c.appended_at < before).order_by(event_log.c.seq).limit(limit)
        return (await self._connection.execute(delete(event_log).where(event_log.c.seq.in_(oldest)))).rowcount

    async def count(self) -> int:
        """How many events the log holds."""
        return (await self._connection.execute(select(func.count()).select_from(event_log))).scalar_one()

    async def _read(self, *conditions: object, limit: int) -> list[LoggedEvent]:
        query = select(*READ).where(*conditions).order_by(event_log.c.seq).limit(limit)  # type: ignore[arg-type]
        return _events((await self._connection.execute(query)).mappings().all())


def _events(rows: Sequence[RowMapping]) -> list[LoggedEvent]:
    return [LoggedEvent(**row) for row in rows]
