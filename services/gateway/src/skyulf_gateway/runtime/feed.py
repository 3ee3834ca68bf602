"""The live end of the event log: one poller per process, any number of followers."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Protocol

import structlog
from skyulf_service.errors import RateLimitedError, UnavailableError

from skyulf_gateway.domain.log import EventFilter, LoggedEvent
from skyulf_gateway.runtime.newest import Newest

log = structlog.get_logger(__name__)

STEP = 500
# how often a follower with nothing to do comes back to whoever asked for it
PULSE_SECONDS = 2.0
KEPT_BYTES = 4 << 20


class LogReader(Protocol):
    """How the feed reads the stored log."""

    async def head(self) -> int:
        """The number of the newest event."""
        ...

    async def after(self, seq: int, *, limit: int) -> list[LoggedEvent]:
        """The events of all projects behind a number."""
        ...

    async def matching(self, wanted: EventFilter, *, after: int, until: int, limit: int) -> list[LoggedEvent]:
        """The events that one follower wants between two numbers."""
        ...


class Feed:
    """Hands out logged events in order, each once, from any point of the log on.

    The newest events are kept in memory for all followers; who is further behind reads the database in pages. A
    follower holds a position and no queue, so a slow one costs nothing. Without followers nothing is polled.
    """

    def __init__(
        self,
        reader: LogReader,
        *,
        poll: float = 0.05,
        keep: int = 2000,
        heartbeat: float = 15.0,
        most_followers: int = 1000,
    ) -> None:
        self._reader = reader
        self.heartbeat = heartbeat
        self._poll, self._pulse, self._most_followers = poll, min(heartbeat, PULSE_SECONDS), most_followers
        self._ending: Callable[[], bool] = lambda: False
        self._newest = Newest(most=keep, most_bytes=KEPT_BYTES)
        self._head = 0
        self._followers = 0
        self._closed = False
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._woken = asyncio.Event()
        self._wanted = asyncio.Event()

    def wake(self) -> None:
        """Look at once: something was appended in this process."""
        self._woken.set()

    def end_when(self, ending: Callable[[], bool]) -> None:
        """Ask this at every look, and end all followers once it is so."""
        self._ending = ending

    def close(self) -> None:
        """End all followers; the server is going down."""
        self._closed = True
        self._announce()

    async def run(self) -> None:
        """Follow the log until cancelled."""
        try:
            while not self._closed:
                await self._wanted.wait()
                await self._look()
                if self._ending():
                    return
                await _wait(self._woken, self._poll)
                self._woken.clear()
        finally:
            self.close()

    def require_room(self) -> None:
        """Ask before `follow`: raises `RateLimitedError` or `UnavailableError` where no follower can be taken."""
        if self._closed:
            raise UnavailableError("The server is going down; connect again.")
        if self._followers >= self._most_followers:
            raise RateLimitedError("Too many event streams are open on this server; try again later.", retry_after=5)

    async def follow(self, wanted: EventFilter, after: int | None = None) -> AsyncGenerator[LoggedEvent | int, None]:
        """Yield the wanted events behind ``after`` (None: from now on), each once.

        In between comes the number up to which there is no further one: first of all, and then at least every two
        seconds in which none came, so that whoever follows can look at the clock.
        """
        position = await self._join(after)
        try:
            yield position
            while not self._closed:
                changed = self._changed
                if position < self._head:
                    events, position = await self._next(wanted, position, self._head)
                    for event in events:
                        yield event
                else:
                    await _wait(changed, self._pulse)
                yield position
        finally:
            self._followers -= 1
            if self._followers == 0:
                self._wanted.clear()

    async def _join(self, after: int | None) -> int:
        async with self._lock:
            if self._followers == 0:  # nobody polled meanwhile: what is in memory may have a gap behind it
                self._newest.clear()
                self._head = await self._reader.head()
            self._followers += 1
            self._wanted.set()
            return self._head if after is None else min(after, self._head)

    async def _look(self) -> None:
        try:
            async with self._lock:
                events = await self._reader.after(self._head, limit=STEP)
                self._newest.extend(events)
                self._head = events[-1].seq if events else self._head
        except Exception as error:  # the database is away: followers wait and miss nothing
            log.warning("feed.unavailable", error=repr(error)[:300])
            await asyncio.sleep(1.0)
            return
        if events:
            self._announce()
        if len(events) == STEP:
            self._woken.set()

    async def _next(self, wanted: EventFilter, position: int, head: int) -> tuple[list[LoggedEvent], int]:
        held = self._newest.behind(position, limit=STEP)
        if held is not None:
            return [event for event in held if wanted.wants(event)], held[-1].seq if held else head
        events = await self._reader.matching(wanted, after=position, until=head, limit=STEP)
        return events, events[-1].seq if len(events) == STEP else head

    def _announce(self) -> None:
        done, self._changed = self._changed, asyncio.Event()
        done.set()


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
