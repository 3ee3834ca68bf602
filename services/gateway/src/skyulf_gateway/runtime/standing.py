"""Whether the keys behind open streams still count: who was let in once is asked about again."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from time import monotonic
from uuid import UUID

import structlog

log = structlog.get_logger(__name__)

# with the pause between two looks of a stream (`Feed`'s pulse) less than the five seconds of a revocation
REMEMBER_SECONDS = 2.0


class Standing:
    """Asks about each key at most once per ``remember`` seconds, however many streams it has open."""

    def __init__(self, usable: Callable[[UUID], Awaitable[bool]], *, remember: float = REMEMBER_SECONDS) -> None:
        self._usable = usable
        self._remember = remember
        self._asked: OrderedDict[str, tuple[float, asyncio.Task[bool]]] = OrderedDict()

    async def holds(self, subject: str) -> bool:
        """Whether the key behind ``key:<id>`` is neither revoked nor expired. What cannot be asked does not hold."""
        now = monotonic()
        while self._asked and next(iter(self._asked.values()))[0] + self._remember <= now:
            self._asked.popitem(last=False)
        if subject not in self._asked:
            self._asked[subject] = (now, asyncio.create_task(self._ask(subject)))
        return await asyncio.shield(self._asked[subject][1])

    async def _ask(self, subject: str) -> bool:
        kind, _, id = subject.partition(":")
        try:
            return kind == "key" and await self._usable(UUID(id))
        except Exception as error:  # the database is away: the reader comes back with its number, and misses nothing
            log.warning("standing.unavailable", error=repr(error)[:300])
            return False
