"""Checks of configurations: they compute, so they have threads of their own, and few of them."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from skyulf_pipeline.domain.errors import ChecksBusyError

T = TypeVar("T")

AT_ONCE = 2
MOST_WAITING = 64
WAIT_SECONDS = 2.0
"""A check may wait inside a transaction that others wait for, so it is not for long."""
RETRY_AFTER = 2.0


class Checks:
    """Runs so many pieces of work at a time, in threads that nobody else uses; what would wait for long is sent away.

    A thread cannot be stopped: work whose client has left keeps its place until its end.
    """

    def __init__(self, *, at_once: int = AT_ONCE, most_waiting: int = MOST_WAITING, wait: float = WAIT_SECONDS) -> None:
        self._free, self._most_waiting, self._wait = at_once, most_waiting, wait
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="check")

    async def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns. Raises what it raises, and `ChecksBusyError` where others take too long."""
        await self._place()
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    async def _place(self) -> None:
        if self._free:
            self._free -= 1
            return
        if len(self._waiting) >= self._most_waiting:
            raise _busy()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._wait):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # the place came in the same moment
                self._leave()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise _busy() from None
            raise

    def _done(self, running: asyncio.Future[T]) -> None:
        if not running.cancelled():
            running.exception()  # where the client has left, nobody else asks for it
        self._leave()

    def _leave(self) -> None:
        """Give a place to who waits for it the longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _busy() -> ChecksBusyError:
    return ChecksBusyError("Too many pipelines are being checked; try again soon.", retry_after=RETRY_AFTER)
