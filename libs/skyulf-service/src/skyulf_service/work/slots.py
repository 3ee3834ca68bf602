"""Slots for child processes: at most so many work at a time, and one waits warm for each."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from skyulf_service.work.memory import group_memory
from skyulf_service.work.spawned import SpawnedChild, scrubbed_environment

_log = structlog.get_logger(__name__)

MAX_RESULT = 16 << 20
_MEMORY_SECONDS = 0.1
_PROTOCOL_BYTES = 64 << 10


class ChildSlots:
    """At most ``count`` children work at a time, and as many wait warm, with ``preload`` imported.

    A child is used once. Its successor starts when the call ends, or ``replace_after`` seconds into it: not at once,
    since its imports would slow the call on a small machine. Children run at a lower priority (``nice``), so that
    requests go first. ``environment`` is added to the scrubbed one. ``memory_limit`` (bytes) is for each call that
    names none. Several supervisors may share one object.
    """

    def __init__(
        self,
        count: int,
        *,
        preload: Sequence[str] = (),
        warm: bool = True,
        nice: int = 5,
        replace_after: float = 1.0,
        environment: Mapping[str, str] | None = None,
        memory_limit: int | None = None,
        max_result: int = MAX_RESULT,
    ) -> None:
        self.memory_limit = memory_limit
        self.max_result = max_result
        self._preload = tuple(preload)
        self._target = count if warm else 0
        self._nice = nice
        self._replace_after = replace_after
        self._environment = dict(environment or {})
        self._free = asyncio.Semaphore(count)
        self._warm: deque[SpawnedChild] = deque()
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._users = 0
        self._closed = True
        # its own thread: sampling must go on while the shared pool is busy
        self._sampler = ThreadPoolExecutor(1, thread_name_prefix="memory")

    def open(self) -> None:
        """Start the warm children; they preload on their own. Every user calls this, and `close` at its end."""
        self._users += 1
        self._closed = False
        self._refill()

    async def close(self) -> None:
        """End the warm children when the last user goes, and wait for those whose calls were cancelled."""
        self._users -= 1
        if self._users > 0:
            return
        self._closed = True
        await asyncio.gather(*self._starting, *self._ending, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in self._warm))
        self._warm.clear()

    async def acquire(self) -> SpawnedChild:
        """Wait for a free slot and return a child for one call; hand it to `release` in any case."""
        await self._free.acquire()
        try:
            child = await self._next()
        except BaseException:
            self._free.release()
            raise
        asyncio.get_running_loop().call_later(self._replace_after, self._refill)
        return child

    async def release(self, child: SpawnedChild) -> None:
        """End a child and everything it started, then free its slot; this goes on even if the caller is cancelled."""
        task = asyncio.create_task(self._end(child), name=f"end child {child.group}")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        await asyncio.shield(task)

    async def memory_exceeded(self, child: SpawnedChild, limit: int, sampled: Callable[[int], None]) -> None:
        """Return once the child's group holds more private memory than ``limit`` bytes; tell each sample."""
        loop = asyncio.get_running_loop()
        while True:
            memory = await loop.run_in_executor(self._sampler, group_memory, child.group)
            sampled(memory)
            if memory > limit:
                return
            await asyncio.sleep(_MEMORY_SECONDS)  # the system has no event for this: it must be measured

    async def _next(self) -> SpawnedChild:
        while True:
            while self._warm:
                child = self._warm.popleft()
                if child.alive:
                    return child
                await child.end()
            # a task of its own: a caller that gives up must not leave half a child behind
            await asyncio.shield(self._start_one())

    def _refill(self) -> None:
        while not self._closed and len(self._warm) + len(self._starting) < self._target:
            self._start_one()

    def _start_one(self) -> asyncio.Task[None]:
        task = asyncio.create_task(self._add_warm(), name="start child")
        self._starting.add(task)
        task.add_done_callback(self._started)
        return task

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("child.start_failed", error=str(error))

    async def _add_warm(self) -> None:
        environment = scrubbed_environment(self._environment)
        room = self.max_result + _PROTOCOL_BYTES
        child = await SpawnedChild.start(self._preload, environment, max_message=room, nice=self._nice)
        self._warm.append(child)

    async def _end(self, child: SpawnedChild) -> None:
        try:
            await child.end()
        finally:
            self._free.release()
            self._refill()
