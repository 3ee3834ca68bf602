"""Waiting for commits, by whoever looks into a database for what has changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from skyulf_service.database.engine import Database
from skyulf_service.database.news import Listener


class Hearing:
    """Wakes one task at the news of a database: of this process always, of others on PostgreSQL.

    Look first, then `wait`, and so on, within ``async with hearing.open()``: what is committed during a look ends the
    next wait at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._news = asyncio.Event()
        self._listener = Listener(database.engine, self.wake) if database.dialect == "postgresql" else None

    @property
    def is_deaf(self) -> bool:
        """Whether news of other processes do not arrive at this moment."""
        return self._listener is not None and not self._listener.listening

    def wake(self) -> None:
        """End the wait, or the next one; safe to call at any time in the event loop's thread."""
        self._news.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Hear news until the block ends."""
        unsubscribe = self._database.news.subscribe(self.wake)
        listening = None if self._listener is None else asyncio.create_task(self._listener.run(), name="news listener")
        try:
            yield
        finally:
            unsubscribe()
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def wait(self, seconds: float | None, *, deaf: float | None = None) -> None:
        """Return at the next news, and in any case after ``seconds``, or ``deaf`` seconds while others are not heard.

        None is for ever.
        """
        longest = deaf if self.is_deaf and deaf is not None else seconds
        try:
            async with asyncio.timeout(longest):
                await self._news.wait()
        except TimeoutError:
            return
        finally:
            self._news.clear()
