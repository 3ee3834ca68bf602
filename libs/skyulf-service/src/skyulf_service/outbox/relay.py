"""The relay: takes committed events out of the outbox, in order, and hands them to a publisher."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol, runtime_checkable

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import select, update

from skyulf_service.database.engine import Database
from skyulf_service.database.news import Listener
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.types import database_now
from skyulf_service.ids import utc_now
from skyulf_service.outbox.lease import Lease
from skyulf_service.outbox.retention import sweep_forever

_log = structlog.get_logger(__name__)
PUBLISHED = Counter("skyulf_events_published_total", "Events handed to the broker", ["service", "type"])
LAG = Gauge("skyulf_outbox_lag_seconds", "Age of the oldest event that has not left", ["service"])
BATCH = 500
LEASE = timedelta(seconds=3)
IDLE_POLL = 0.25
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
    is how often it looks while it cannot hear of the latter.
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
    ) -> None:
        self._database = database
        self._outbox = tables.outbox
        self._publisher = publisher
        self._service = service
        self._poll = poll
        self._lease = Lease(database, tables.leases, "relay", ttl=lease)
        self._news = asyncio.Event()
        self._listener = Listener(database.engine, self.wake) if database.dialect == "postgresql" else None

    def wake(self) -> None:
        """Say that something was committed; safe to call at any time in the event loop's thread."""
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled. Failures of database and broker are waited out with growing pauses."""
        unsubscribe = self._database.news.subscribe(self.wake)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._lease.keep(), name="relay lease")
                group.create_task(sweep_forever(self._database, self._outbox), name="outbox sweep")
                if self._listener is not None:
                    group.create_task(self._listener.run(), name="outbox listener")
                await self._publish_forever()
        finally:
            unsubscribe()
            await self._resign()
            if isinstance(self._publisher, ClosablePublisher):
                await self._publisher.close()

    async def publish_waiting(self) -> int:
        """Publish one batch of waiting rows, in order; returns how many there were."""
        # The condition, not a cursor: a transaction with a smaller number may commit after one with a greater.
        waiting = select(self._outbox).where(self._outbox.c.published_at.is_(None)).order_by(self._outbox.c.seq)
        async with self._database.read() as connection:
            rows = [OutboxRow.of(row) for row in (await connection.execute(waiting.limit(BATCH))).mappings()]
        if not rows:
            LAG.labels(self._service).set(0)
            return 0
        LAG.labels(self._service).set((utc_now() - rows[0].occurred_at).total_seconds())
        await self._publisher.publish(rows)
        sent = update(self._outbox).where(self._outbox.c.seq.in_([row.seq for row in rows]))
        async with self._database.begin() as connection:
            await connection.execute(sent.values(published_at=database_now()))
        for row in rows:
            PUBLISHED.labels(self._service, row.type).inc()
        return len(rows)

    async def _publish_forever(self) -> None:
        pause = FIRST_PAUSE
        while True:
            if not self._lease.held:
                await asyncio.sleep(0.05)
                continue
            self._news.clear()
            try:
                published = await self.publish_waiting()
            except Exception as error:
                _log.warning("outbox.publish_failed", service=self._service, error=repr(error)[:300], retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            if not published:
                await self._wait_for_news()

    async def _wait_for_news(self) -> None:
        deaf = self._listener is not None and not self._listener.listening
        try:
            async with asyncio.timeout(self._poll if deaf else max(self._poll, IDLE_POLL)):
                await self._news.wait()
        except TimeoutError:
            return

    async def _resign(self) -> None:
        try:
            async with asyncio.timeout(2):
                await self._lease.release()
        except Exception:
            _log.info("outbox.lease_left", service=self._service)
