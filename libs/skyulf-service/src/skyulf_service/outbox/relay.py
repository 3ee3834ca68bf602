"""The relay: takes committed events out of the outbox, in order, and hands them to a publisher."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy import delete, select, update

from skyulf_service.database.engine import Database
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.types import database_now
from skyulf_service.ids import utc_now
from skyulf_service.outbox.lease import Lease

_log = structlog.get_logger(__name__)
PUBLISHED = Counter("skyulf_events_published_total", "Events handed to the broker", ["service", "type"])
LAG = Gauge("skyulf_outbox_lag_seconds", "Age of the oldest event that has not left", ["service"])
BATCH = 500
LEASE = timedelta(seconds=5)
RENEW_SECONDS = 1.5
KEPT = timedelta(days=7)
SWEEP_SECONDS = 600.0


class Publisher(Protocol):
    """Where events go. ``publish`` returns when all rows are safe with the receiver, and raises otherwise."""

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Hand over the rows in their order."""
        ...


class Relay:
    """One per service, elected by a lease: two would reorder the events of one aggregate."""

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
        self._renewal = min(RENEW_SECONDS, lease.total_seconds() / 3)
        self._news = asyncio.Event()
        self._held_until = 0.0

    def wake(self) -> None:
        """Say that something was committed; safe to call at any time in the event loop's thread."""
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled. Failures of database and broker are waited out with growing pauses."""
        pause = 0.1
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep(), name="outbox sweep")
            try:
                while True:
                    try:
                        await self._run_once()
                        pause = 0.1
                    except Exception as error:
                        self._held_until = 0.0
                        _log.warning("outbox.publish_failed", service=self._service, error=repr(error), retry_in=pause)
                        await asyncio.sleep(pause)
                        pause = min(pause * 2, 2.0)
            finally:
                await self._resign()

    async def publish_waiting(self) -> int:
        """Publish one batch of waiting rows, in order; returns how many there were."""
        waiting = select(self._outbox).where(self._outbox.c.published_at.is_(None)).order_by(self._outbox.c.seq)
        async with self._database.read() as connection:
            rows = [OutboxRow.of(dict(row)) for row in (await connection.execute(waiting.limit(BATCH))).mappings()]
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

    async def _run_once(self) -> None:
        if not await self._elected():
            await asyncio.sleep(self._renewal)
            return
        self._news.clear()
        if await self.publish_waiting() == 0:
            await self._wait_for_news()

    async def _elected(self) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._held_until:
            return True
        held = await self._lease.hold()
        self._held_until = now + self._renewal if held else 0.0
        return held

    async def _wait_for_news(self) -> None:
        try:
            async with asyncio.timeout(self._poll):
                await self._news.wait()
        except TimeoutError:
            return

    async def _resign(self) -> None:
        try:
            await asyncio.shield(self._lease.release())
        except Exception:
            _log.info("outbox.lease_left", service=self._service)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            old = self._outbox.c.published_at < database_now(-KEPT)
            batch = select(self._outbox.c.seq).where(old).limit(1000)
            try:
                async with self._database.begin() as connection:
                    await connection.execute(delete(self._outbox).where(self._outbox.c.seq.in_(batch)))
            except Exception as error:
                _log.warning("outbox.sweep_failed", service=self._service, error=repr(error))
