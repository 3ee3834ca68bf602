"""Storing what a job has made, where there is no room for it or no object store: to make it anew may take hours."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from skyulf_service.errors import StorageFullError, UnavailableError
from skyulf_service.work.failures import ChildFailedError

T = TypeVar("T")
ROOM, STORE = "wait for room", "wait for the object store"
LONGEST_PAUSE = 30.0


class Patience:
    """Tries again for so many ``seconds`` in all, first after ``pause`` (s), and tells a job's step meanwhile."""

    def __init__(self, tell: Callable[[str], None], *, seconds: float = 1800.0, pause: float = 2.0) -> None:
        self._tell = tell
        self._pause = pause
        self._clock = asyncio.get_running_loop().time
        self._give_up = self._clock() + seconds

    async def store(self, write: Callable[[], Awaitable[T]]) -> T:
        """Return what ``write`` returns. Raises `ChildFailedError` with its code once patience is at an end."""
        pause = self._pause
        while True:
            try:
                return await write()
            except UnavailableError as error:
                if self._clock() > self._give_up:
                    raise ChildFailedError(error.code, error.detail) from error
                self._tell(ROOM if isinstance(error, StorageFullError) else STORE)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
