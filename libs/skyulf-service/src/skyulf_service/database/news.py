"""Who waits for a commit hears of it at once: in this process by a call, on PostgreSQL in others by NOTIFY."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

_log = structlog.get_logger(__name__)
CHANNEL = "skyulf_outbox"
KEEPALIVE_SECONDS = 10.0
RETRY_SECONDS = 2.0
FAREWELL_SECONDS = 1.0


class News:
    """Tells of commits that somebody may wait for. Missed news cost a poll's delay, never an event."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._subscribers: list[Callable[[], None]] = []
        self._notifies = engine.dialect.name == "postgresql"
        self._again = False
        self._task: asyncio.Task[None] | None = None

    def subscribe(self, subscriber: Callable[[], None]) -> Callable[[], None]:
        """Call ``subscriber`` for news of this process; returns what ends that."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def announce(self) -> None:
        """Say that something was committed."""
        for subscriber in self._subscribers:
            subscriber()
        if not self._notifies:
            return
        # Not in the transaction itself: NOTIFY takes a lock that puts all commits of the database into one row. One
        # notification at a time is enough for any number of commits.
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._notify(), name="news notify")

    async def close(self) -> None:
        """Wait for the last notification, which a database that is away does not hold up for long."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=FAREWELL_SECONDS)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _notify(self) -> None:
        while self._again:
            self._again = False
            with suppress(Exception):
                async with self._engine.begin() as connection:
                    await connection.execute(text(f"NOTIFY {CHANNEL}"))


class Listener:
    """Hears the news of other processes on a connection of its own; ``listening`` says whether it does right now."""

    def __init__(self, engine: AsyncEngine, on_news: Callable[[], None]) -> None:
        self._engine = create_async_engine(engine.url, poolclass=NullPool)
        self._on_news = on_news
        self.listening = False

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is made again."""
        while True:
            try:
                await self._listen()
            except Exception as error:
                _log.info("news.listener_lost", error=repr(error)[:200], retry_in=RETRY_SECONDS)
            finally:
                self.listening = False
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        async with self._engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            if driver is None:
                return
            await driver.add_listener(CHANNEL, lambda *_: self._on_news())
            self.listening = True
            self._on_news()
            while True:
                await asyncio.sleep(KEEPALIVE_SECONDS)
                await driver.fetchval("SELECT 1", timeout=KEEPALIVE_SECONDS)
