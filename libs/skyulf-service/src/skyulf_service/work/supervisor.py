"""Supervisors: processes (or tasks in the embedded form) that claim rows and see them through."""

import asyncio
import os
import secrets
import socket
from datetime import timedelta

import structlog

from skyulf_service.database.hearing import Hearing
from skyulf_service.errors import UnavailableError
from skyulf_service.work.calls import ChildRunner
from skyulf_service.work.execution import Execution, OnProgress, WorkHandler
from skyulf_service.work.metering import begin_waiting, note_wait
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.slots import ChildSlots

__all__ = ["Supervisor", "WorkHandler"]

_log = structlog.get_logger(__name__)
_MAX_PAUSE = 2.0
_DEAF_POLL = 0.05
# a row that is due and was not taken is in somebody else's hands for this moment
_LEAST_PAUSE = 0.05
LEASE = timedelta(seconds=15)


class Supervisor:
    """Claims rows of one queue, up to ``concurrency`` at a time, and runs the service's handler on each.

    New rows are heard of by the database's news and by `wake`, and a row that waits for its time is looked for then;
    ``poll`` is the longest time (s) that one waits whose news were lost. ``on_progress`` is told of progress about once
    a second, after the row has it.
    """

    def __init__(
        self,
        queue: WorkQueue,
        slots: ChildSlots,
        handler: WorkHandler,
        *,
        lease: timedelta = LEASE,
        concurrency: int = 1,
        poll: float = 5.0,
        grace: float = 10.0,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.owner = f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(6)}"
        self._queue = queue
        begin_waiting(queue.table.name)
        self._slots = slots
        self._handler = handler
        self._lease = lease
        self._concurrency = concurrency
        self._poll = poll
        self._grace = grace
        self._on_progress = on_progress
        self._hearing = Hearing(queue.database)
        self._ends_at: float | None = None
        self._claiming: asyncio.Task[bool] | None = None
        self._running: dict[asyncio.Task[None], Execution] = {}

    def wake(self) -> None:
        """Look for new rows, and for cancels of running ones, at once."""
        self._hearing.wake()
        for execution in self._running.values():
            execution.beat_now()

    def stop(self) -> None:
        """Begin to drain (on SIGTERM): `run` claims nothing more and returns when what runs has ended or is given back.

        Running work has ``grace`` seconds to end by itself.
        """
        self._ends_at = asyncio.get_running_loop().time() + self._grace
        self._hearing.wake()

    async def serve(self) -> None:
        """Claim and work until cancelled, then drain as after `stop`; cancelled once more: as `run`."""
        running = asyncio.create_task(self.run(), name="supervisor")
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self.stop()
            await running
            raise

    async def run(self) -> None:
        """Claim and work until `stop` is called. Cancelling this gives running rows back at once."""
        self._slots.open()
        try:
            async with self._hearing.open():
                ends_at = await self._claim_until_stopped()
                if self._running:
                    left = ends_at - asyncio.get_running_loop().time()
                    await asyncio.wait(set(self._running), timeout=max(left, 0.0))
        finally:
            # cancelled or not, rows go back to the queue and no child stays behind
            await asyncio.shield(asyncio.create_task(self._drain()))

    async def _claim_until_stopped(self) -> float:
        """Return when the grace of what runs is over, by the loop's clock."""
        failures = 0
        while self._ends_at is None:
            try:
                if len(self._running) >= self._concurrency:
                    await self._hearing.wait(None)
                elif not await self._claim():
                    await self._hearing.wait(await self._idle_seconds(), deaf=_DEAF_POLL)
                failures = 0
            except UnavailableError as error:
                failures += 1
                _log.warning("work.claim_failed", error=error.detail, table=self._queue.table.name)
                await self._hearing.wait(min(0.1 * 2 ** min(failures, 10), _MAX_PAUSE))
            except Exception:
                _log.exception("work.claim_failed", table=self._queue.table.name)
                await self._hearing.wait(_MAX_PAUSE)
        return self._ends_at

    async def _idle_seconds(self) -> float:
        """Until the next row's time has come, or somebody's news may have been lost."""
        due = await self._queue.due_in()
        return self._poll if due is None else min(max(due, _LEAST_PAUSE), self._poll)

    async def _claim(self) -> bool:
        # shielded: a row that was claimed while we are cancelled must be known, to be given back
        self._claiming = asyncio.create_task(self._claim_one())
        return await asyncio.shield(self._claiming)

    async def _claim_one(self) -> bool:
        claimed_at = asyncio.get_running_loop().time()
        claim = await self._queue.claim(self.owner, lease=self._lease)
        if claim is None:
            return False
        note_wait(self._queue.table.name, claim)
        child = ChildRunner(self._slots)
        execution = Execution(
            self._queue, self._handler, claim, child, claimed_at=claimed_at, on_progress=self._on_progress
        )
        task = asyncio.create_task(execution.run(), name=f"work {claim.id}")
        self._running[task] = execution
        task.add_done_callback(self._finished)
        return True

    def _finished(self, task: asyncio.Task[None]) -> None:
        execution = self._running.pop(task)
        self._hearing.wake()
        if not task.cancelled() and (error := task.exception()) is not None:
            # the row keeps its lease until it expires; the sweeper takes it from there
            _log.error("work.unfinished", work_id=str(execution.claim.id), exc_info=error)

    async def _drain(self) -> None:
        if self._claiming is not None:
            await asyncio.wait({self._claiming})
        for execution in self._running.values():
            execution.give_back()
        if self._running:
            await asyncio.wait(set(self._running))
        await self._slots.close()
