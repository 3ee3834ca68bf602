"""Letters whose event was handled after all: they leave the list, since their replay would call nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import select, tuple_

from skyulf_service.database.engine import Database
from skyulf_service.database.tables import MessagingTables
from skyulf_service.errors import NotFoundError
from skyulf_service.messaging.dead_letters import DeadLetters
from skyulf_service.messaging.parked import TRIED
from skyulf_service.messaging.records import UnreadableRecordError
from skyulf_service.messaging.tasks import read

_log = structlog.get_logger(__name__)
# the pairs of one question to the inbox: two parameters each, of which databases take 32,766
PAGE = 500


@dataclass(frozen=True, slots=True)
class _Tried:
    """A letter that waits, and whose event reached its handler."""

    id: UUID
    consumer: str
    event_id: UUID | None


class Settling:
    """Looks for letters whose handler has handled their event meanwhile. Several workers may look at once.

    That happens where the event comes again by another way (a feed, a topic that is read anew), and where two workers
    try it at once: who loses the race parks what the other one handles.
    """

    def __init__(self, database: Database, tables: MessagingTables, letters: DeadLetters) -> None:
        self._database = database
        self._inbox = tables.inbox.c
        self._table = tables.dead_letters.c
        self._letters = letters

    async def run_once(self, *, page: int = PAGE) -> int:
        """Take all such letters off the list, as if they had been replayed; returns how many.

        A letter of what could not be read stays: the id that it bears may be another's.
        """
        settled, last, found = 0, None, page
        while found == page:
            waiting = await self._waiting(after=last, limit=page)
            for letter in await self._handled(waiting):
                settled += await self._settle(letter)
            found, last = len(waiting), waiting[-1].id if waiting else None
        return settled

    async def _waiting(self, *, after: UUID | None, limit: int) -> Sequence[_Tried]:
        # without the records themselves, which may be large, and of which most keep waiting
        letters = self._table
        query = select(letters.id, letters.consumer, letters.event_id).where(
            letters.replayed_at.is_(None), letters.reason.in_(TRIED)
        )
        if after is not None:
            query = query.where(letters.id > after)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(letters.id).limit(limit))).all()
        return [_Tried(row.id, row.consumer, _uuid(row.event_id)) for row in rows]

    async def _handled(self, waiting: Sequence[_Tried]) -> Sequence[_Tried]:
        claims = {(each.consumer, each.event_id) for each in waiting if each.event_id is not None}
        if not claims:
            return []
        query = select(self._inbox.consumer, self._inbox.event_id).where(
            tuple_(self._inbox.consumer, self._inbox.event_id).in_(claims)
        )
        async with self._database.read() as connection:
            handled = {(row.consumer, row.event_id) for row in await connection.execute(query)}
        return [each for each in waiting if (each.consumer, each.event_id) in handled]

    async def _settle(self, tried: _Tried) -> bool:
        try:
            letter = await self._letters.get(tried.id)
            if read(letter.record).id != tried.event_id:  # releases before listed what bore two ids under the wrong one
                return False
        except (NotFoundError, UnreadableRecordError):
            return False
        settled = await self._letters.settle(tried.id)
        if settled:
            _log.info("dead_letter.settled", id=str(tried.id), consumer=tried.consumer, event_id=str(tried.event_id))
        return settled


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError:
        return None
