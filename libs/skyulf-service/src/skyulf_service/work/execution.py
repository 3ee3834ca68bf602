"""One claimed row on its way to an end: worked on, kept by heartbeats, stopped when it must be."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from enum import Enum
from typing import Protocol, TypeVar

import structlog

from skyulf_service.errors import SkyulfError, StaleVersionError, UnavailableError
from skyulf_service.work.calls import ChildRunner, Progress
from skyulf_service.work.claims import Claim, LeaseLostError, WorkFinisher
from skyulf_service.work.failures import FAILED, ChildFailedError
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.states import CancelRequestedError

_log = structlog.get_logger(__name__)

_BEAT_SECONDS = 1.0
# with the grace of a supervisor before it, it is well within the time that a role has to end
_STOP_SECONDS = 5.0
_LAST_WORDS_SECONDS = 0.5
_FINISH_SECONDS = 60.0
_FINISH_PAUSE = 0.2
_RETRY_PAUSE = timedelta(seconds=2)
_BEAT_GAP = 0.2
T = TypeVar("T")
OnProgress = Callable[[Claim, float, str], Awaitable[None]]


class WorkHandler(WorkFinisher, Protocol):
    """What a service makes of a claimed row."""

    async def run(self, claim: Claim, child: ChildRunner, progress: Progress) -> None:
        """Do the work and end the row by a fenced commit.

        Raise to fail: `ChildFailedError` and `SkyulfError` carry their code into `failed`; `UnavailableError`, also for
        want of room, queues the next attempt. It is cancelled when the lease is lost or a cancel is
        asked for.
        """
        ...


class Stop(Enum):
    """Why work is stopped from outside."""

    LOST = "lost"
    CANCEL = "cancel"
    GIVE_BACK = "give back"


class Execution:
    """Runs one claim. `give_back` ends it early and queues the row again without counting the attempt."""

    def __init__(
        self,
        queue: WorkQueue,
        handler: WorkHandler,
        claim: Claim,
        child: ChildRunner,
        *,
        claimed_at: float,
        on_progress: OnProgress | None = None,
    ) -> None:
        self.claim = claim
        self._queue = queue
        self._handler = handler
        self._child = child
        self._lease = claim.lease.total_seconds()
        self._held_until = claimed_at + self._lease
        self._on_progress = on_progress
        self._progress: tuple[float, str] | None = None
        self._giving_back = asyncio.Event()
        self._beat_now = asyncio.Event()
        self._log = _log.bind(work_id=str(claim.id), epoch=claim.epoch, table=queue.table.name)

    def give_back(self) -> None:
        """Stop the work and queue the row again."""
        self._giving_back.set()

    def beat_now(self) -> None:
        """Look at once whether a cancel is asked for."""
        self._beat_now.set()

    async def run(self) -> None:
        """Work until the row has ended, or somebody else has it."""
        work = asyncio.create_task(self._handler.run(self.claim, self._child, self._report))
        keeper = asyncio.create_task(self._keep())
        returner = asyncio.create_task(self._giving_back.wait())
        try:
            await asyncio.wait({work, keeper, returner}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await self._settle(work)
            else:
                stop = Stop.GIVE_BACK if returner.done() else keeper.result()
                await self._stop(work, stop)
        finally:
            for task in (work, keeper, returner):
                task.cancel()
            self._child.kill()

    async def _stop(self, work: asyncio.Task[None], stop: Stop) -> None:
        self._child.kill()
        if stop is Stop.LOST and await self._was_finishing(work):
            return
        self._log.info("work.stopped", reason=stop.value)
        work.cancel()
        await asyncio.wait({work}, timeout=_STOP_SECONDS)
        if stop is Stop.LOST:
            return  # the row has another owner: not a word from us
        if stop is Stop.CANCEL or not await self._surely(lambda: self._queue.give_back(self.claim)):
            await self._cancelled()

    async def _was_finishing(self, work: asyncio.Task[None]) -> bool:
        # The handler's own commit ends the row as well: a heartbeat in that moment finds it gone.
        await asyncio.wait({work}, timeout=_LAST_WORDS_SECONDS)
        return work.done() and not work.cancelled() and work.exception() is None

    async def _settle(self, work: asyncio.Task[None]) -> None:
        error = None if work.cancelled() else work.exception()
        if isinstance(error, LeaseLostError):
            self._log.info("work.stopped", reason=Stop.LOST.value)
            return
        beat = await self._surely(lambda: self._queue.heartbeat(self.claim))
        if beat is None or beat.lost:
            return  # as it should be: the handler has ended the row
        if beat.cancel or isinstance(error, CancelRequestedError):
            await self._cancelled()
        elif isinstance(error, UnavailableError | StaleVersionError):
            await self._retry_later(error)
        elif isinstance(error, ChildFailedError):
            await self._fail(error.code, error.message)
        elif isinstance(error, SkyulfError):
            await self._fail(error.code, error.detail)
        elif error is None:
            await self._fail(FAILED, "The work ended without a result.")
        else:
            self._log.error("work.failed", exc_info=error)
            await self._fail(FAILED, f"An unexpected error occurred ({type(error).__name__}).")

    async def _retry_later(self, error: SkyulfError) -> None:
        delay = _RETRY_PAUSE * 2 ** min(self.claim.attempt - 1, 6)
        reason = (error.code, error.detail)
        if not await self._surely(lambda: self._queue.retry_later(self.claim, *reason, delay=delay)):
            await self._fail(*reason)

    async def _fail(self, code: str, message: str) -> None:
        await self._surely(lambda: self._handler.failed(self.claim, code, message))

    async def _cancelled(self) -> None:
        await self._surely(lambda: self._handler.cancelled(self.claim))

    async def _surely(self, write: Callable[[], Awaitable[T]]) -> T | None:
        """Write, again and again while the database is away or full; None once the row is no longer ours."""
        give_up = asyncio.get_running_loop().time() + _FINISH_SECONDS
        pause = _FINISH_PAUSE
        while True:
            try:
                return await write()
            except LeaseLostError:
                return None
            except (UnavailableError, StaleVersionError) as error:
                if asyncio.get_running_loop().time() > give_up:
                    raise
                self._log.warning("work.end_delayed", error=str(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _keep(self) -> Stop:
        """Extend the lease until there is a reason to stop. A lease that cannot be extended in time is lost."""
        told: tuple[float, str] | None = None
        while True:
            await self._until_next_beat()
            asked, news = asyncio.get_running_loop().time(), self._progress
            fraction, step = news or (None, None)
            try:
                async with asyncio.timeout(max(self._held_until - asked, 0.1)):
                    beat = await self._queue.heartbeat(self.claim, progress=fraction, step=step)
            except Exception as error:
                if asyncio.get_running_loop().time() >= self._held_until:
                    return Stop.LOST
                self._log.warning("work.heartbeat_failed", error=str(error))
                continue
            if beat.lost:
                return Stop.LOST
            self._held_until = asked + self._lease
            if beat.cancel:
                return Stop.CANCEL
            if news is not None and news != told:
                told = news
                await self._tell(news)

    async def _until_next_beat(self) -> None:
        pause = min(self._lease / 3, _BEAT_SECONDS)
        gap = min(pause, _BEAT_GAP)  # who wakes us at every commit of a busy service must not make us write as often
        await asyncio.sleep(gap)
        try:
            async with asyncio.timeout(pause - gap):
                await self._beat_now.wait()
        except TimeoutError:
            return
        self._beat_now.clear()

    async def _tell(self, news: tuple[float, str]) -> None:
        if self._on_progress is not None:
            try:
                await self._on_progress(self.claim, *news)
            except Exception as error:
                self._log.warning("work.progress_untold", error=str(error))

    def _report(self, fraction: float, step: str) -> None:
        self._progress = (fraction, step)
