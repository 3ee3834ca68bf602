"""Audit entries on their way to the database: written in batches beside the requests, none lost on a clean stop."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict

import structlog
from prometheus_client import Counter

from skyulf_gateway.domain.audit import AuditEntry

log = structlog.get_logger(__name__)

DROPPED = Counter(
    "skyulf_audit_entries_dropped_total", "Audit entries that went to the log only: the database was away"
)

BATCH = 200


class AuditWriter:
    """A bounded queue and its writer.

    A full queue holds requests back for ``patience`` seconds; after that an entry goes to the log instead, whole.
    """

    def __init__(
        self,
        write: Callable[[Sequence[AuditEntry]], Awaitable[None]],
        *,
        size: int = 5000,
        patience: float = 2.0,
        farewell: float = 5.0,
    ) -> None:
        self._write = write
        self._queue: asyncio.Queue[AuditEntry] = asyncio.Queue(size)
        self._unwritten: list[AuditEntry] = []
        self._patience, self._farewell = patience, farewell

    async def record(self, entry: AuditEntry) -> None:
        """Hand over an entry."""
        try:
            self._queue.put_nowait(entry)
            return
        except asyncio.QueueFull:
            pass
        try:
            async with asyncio.timeout(self._patience):
                await self._queue.put(entry)
        except TimeoutError:
            self._to_log([entry])

    async def run(self) -> None:
        """Write until cancelled; then write what is left."""
        try:
            while True:
                if not self._unwritten:
                    self._unwritten.append(await self._queue.get())
                self._take()
                await self._try_to_write()
        finally:
            await asyncio.shield(asyncio.create_task(self._finish()))

    async def _try_to_write(self) -> None:
        try:
            await self._write(self._unwritten)
        except Exception as error:  # whatever it is, the entries stay and are tried again
            log.warning("audit.delayed", entries=len(self._unwritten), error=repr(error))
            await asyncio.sleep(0.5)
        else:
            self._unwritten = []

    async def _finish(self) -> None:
        try:
            async with asyncio.timeout(self._farewell):
                while self._unwritten or not self._queue.empty():
                    self._take()
                    await self._try_to_write()
        except TimeoutError:
            while not self._queue.empty():
                self._unwritten.append(self._queue.get_nowait())
            self._to_log(self._unwritten)

    def _take(self) -> None:
        while len(self._unwritten) < BATCH and not self._queue.empty():
            self._unwritten.append(self._queue.get_nowait())

    def _to_log(self, entries: Sequence[AuditEntry]) -> None:
        DROPPED.inc(len(entries))
        for entry in entries:
            log.error("audit.unwritten", **{key: str(value) for key, value in asdict(entry).items()})
