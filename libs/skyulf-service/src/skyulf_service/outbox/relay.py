"""The relay: takes committed events out of the outbox, in order, and hands them to a publisher."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter
from sqlalchemy import select, update

from skyulf_service.database.engine import Database
from skyulf_service.database.hearing import Hearing
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.types import database_now
from skyulf_service.ids import utc_now
from skyulf_service.outbox.lease import Lease
from skyulf_service.outbox.retention import sweep_forever
from skyulf_service.telemetry.tracing import record_span

_log = structlog.get_logger(__name__)
PUBLISHED = Counter("skyulf_events_published_total", "Events handed to the broker", ["service", "type"])
BATCH = 500
LEASE = timedelta(seconds=3)
# nobody waits for the end of this one, and each extension is a write
LEASE_ALONE = timedelta(seconds=15)
IDLE_POLL = 2.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class Publisher(Protocol):
    """Where events go. ``publish`` returns when all rows are safe with the receiver, and raises otherwise."""

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Hand over the rows in their order."""
        ...


@runtime_checkable
class ClosablePublisher(Publisher, Protocol):
    """A publisher that the relay closes at its end."""

    async def close(self) -> None:
        """Give up connections."""
        ...


class Relay:
    """One per service, elected by a lease: two would reorder the events of one aggregate.

    It looks for new rows when a commit of this process, or on PostgreSQL of another one, says so; ``poll`` (seconds)
    is how often it looks while it cannot hear of the latter. ``alone`` says that this is the only process that can be
    at work on the database, so that it need not wait for the lease of one that was killed.
    """

    def __init__(
        self,
        database: Database,
        tables: MessagingTables,
        publisher: Publisher,
        *,
        service: str,
        poll: float = 0.02,
        lease: timedelta = LEASE,
        alone: bool = False,
    ) -> None:
        self._database = database
        self._outbox = tables.outbox
        self._publisher = publisher
        self._service = service
        self._poll = poll
        ttl = LEASE_ALONE if alone else lease
        self._lease = Lease(database, tables.leases, "relay", ttl=ttl, alone=alone)
        self._hearing = Hearing(database)
        self._sent: Sequence[OutboxRow] = ()

    def wake(self) -> None:
        """Say that something was committed; safe to call at any time in the event loop's thread."""
        self._hearing.wake()

    async def run(self) -> None:
        """Publish until cancelled. Failures of database and broker are waited out with growing pauses."""
        try:
            async with self._hearing.open(), asyncio.TaskGroup() as group:
                group.create_task(self._lease.keep(), name="relay lease")
                group.create_task(sweep_forever(self._database, self._outbox), name="outbox sweep")
                await self._publish_forever()
        finally:
            await self._resign()
            if isinstance(self._publisher, ClosablePublisher):
                await self._publisher.close()

    async def publish_waiting(self) -> int:
        """Publish one batch of waiting rows, in order; returns how many there were.

        What left, but could not be marked (a database without room still reads), is marked before anything else leaves.
        """
        await self._mark()
        # The condition, not a cursor: a transaction with a smaller number may commit after one with a greater.
        waiting = select(self._outbox).where(self._outbox.c.published_at.is_(None)).order_by(self._outbox.c.seq)
        async with self._database.read() as connection:
            rows = [OutboxRow.of(row) for row in (await connection.execute(waiting.limit(BATCH))).mappings()]
        if not rows:
            return 0
        await self._publisher.publish(rows)
        self._sent = rows
        self._note(rows)
        await self._mark()
        return len(rows)

    async def _mark(self) -> None:
        """Mark what has left, by its id: a database that was restored meanwhile gives numbers out again."""
        if self._sent:
            columns = self._outbox.c
            sent = columns.event_id.in_([row.event_id for row in self._sent])
            marked = update(self._outbox).where(sent, columns.published_at.is_(None))
            async with self._database.begin() as connection:
                await connection.execute(marked.values(published_at=database_now()))
            self._sent = ()

    def _note(self, rows: Sequence[OutboxRow]) -> None:
        left = utc_now()
        for row in rows:
            PUBLISHED.labels(self._service, row.type).inc()
            record_span(
                f"publish {row.type}",
                row.traceparent,
                between=(row.occurred_at, left),
                attributes={"messaging.message.id": str(row.event_id), "messaging.destination.name": row.topic},
                kind=SpanKind.PRODUCER,
            )

    async def _publish_forever(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await self._lease.until_held()
            try:
                published = await self.publish_waiting()
            except Exception as error:
                _log.warning("outbox.publish_failed", service=self._service, error=repr(error)[:300], retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if not published:
                await self._hearing.wait(max(self._poll, IDLE_POLL), deaf=self._poll)

    async def _resign(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._lease.release()
        except Exception:
            _log.info("outbox.lease_left", service=self._service)
