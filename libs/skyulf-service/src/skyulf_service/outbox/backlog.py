"""What waits in a service's database, measured every few seconds by its worker and never by who asks for metrics."""

from collections.abc import Sequence
from datetime import datetime

from prometheus_client import Gauge
from sqlalchemy import Select, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.types import database_now

LAG = Gauge("skyulf_outbox_lag_seconds", "Age of the oldest event that has not left", ["service"])
WAITING = Gauge("skyulf_outbox_waiting_events", "Events that have not left, up to 10,000", ["service"])
DEAD_LETTERS = Gauge("skyulf_dead_letters_waiting", "Records that wait for somebody, up to 10,000", ["service"])
WORK_ROWS = Gauge("skyulf_work_rows", "Work that has not ended, by its state", ["queue", "state"])
OLDEST_WAIT = Gauge("skyulf_work_oldest_wait_seconds", "Time that the oldest due work has waited", ["queue"])
# Counting further tells nobody more, and would cost the most when there is the least time.
MOST = 10_000
OPEN = ("queued", "running", "cancelling")


class Backlog:
    """Looks at the outbox, the dead letters and the open work of one service. Several workers may look at once."""

    def __init__(
        self, database: Database, tables: MessagingTables, *, service: str, queues: Sequence[Table] = ()
    ) -> None:
        self._database = database
        self._tables = tables
        self._service = service
        self._queues = queues

    async def measure(self) -> None:
        """Look once."""
        async with self._database.read() as connection:
            await self._measure_outbox(connection)
            for table in self._queues:
                await _measure_work(connection, table)

    async def _measure_outbox(self, connection: AsyncConnection) -> None:
        outbox, letters = self._tables.outbox.c, self._tables.dead_letters.c
        oldest = select(outbox.occurred_at, database_now().label("now")).where(outbox.published_at.is_(None))
        found = (await connection.execute(oldest.order_by(outbox.seq).limit(1))).one_or_none()
        LAG.labels(self._service).set(0.0 if found is None else _seconds(found.occurred_at, found.now))
        waiting = select(outbox.seq).where(outbox.published_at.is_(None))
        WAITING.labels(self._service).set(await _count(connection, waiting))
        parked = select(letters.id).where(letters.replayed_at.is_(None))
        DEAD_LETTERS.labels(self._service).set(await _count(connection, parked))


async def _measure_work(connection: AsyncConnection, table: Table) -> None:
    columns, now = table.c, database_now()
    states = select(columns.status, func.count()).where(columns.status.in_(OPEN)).group_by(columns.status)
    found = {str(status): int(rows) for status, rows in (await connection.execute(states)).all()}
    for state in OPEN:
        WORK_ROWS.labels(table.name, state).set(found.get(state, 0))
    due = select(func.min(columns.run_after), now).where(columns.status == "queued", columns.run_after <= now)
    oldest, moment = (await connection.execute(due)).one()
    OLDEST_WAIT.labels(table.name).set(0.0 if oldest is None else _seconds(oldest, moment))


async def _count(connection: AsyncConnection, query: Select[tuple[object]]) -> int:
    found = await connection.scalar(select(func.count()).select_from(query.limit(MOST).subquery()))
    return int(found or 0)


def _seconds(since: datetime, now: datetime) -> float:
    return max((now - since).total_seconds(), 0.0)
