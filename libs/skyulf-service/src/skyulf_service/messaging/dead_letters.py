"""Records that could not be handled: rows in the consumer's own database, listed, replayed, discarded."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.pagination import MAX_LIMIT, Page, decode_moment_cursor, encode_cursor
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.types import database_now, storable_text
from skyulf_service.errors import ConflictError, NotFoundError
from skyulf_service.ids import utc_now
from skyulf_service.messaging.parked import MAX_ERROR, Parked, record_from, row_of
from skyulf_service.messaging.records import Record

__all__ = ["DeadLetter", "DeadLetters", "NoHandlerError", "Parked", "Replayer", "was_discarded"]

ORDER = "dead_letters"
# longer than feeds and topics go back, so that a letter that was taken off the list is not parked again
SETTLED_KEPT = timedelta(days=30)
# small deletes: a large one would be SQLite's only writer for seconds
SWEEP = 1000
# what is left of a letter that was discarded: enough to know its record again; no other letter has an empty error
_FORGOTTEN: Mapping[str, object] = MappingProxyType({"key": None, "value": b"", "headers": [], "error": ""})

Done = Callable[[AsyncConnection], Awaitable[None]]


class NoHandlerError(ConflictError):
    """This release has no handler that a dead letter could be replayed by; the letter stays as it is."""

    code = "no-handler"
    title = "No such handler"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A parked record as it is listed. ``record`` holds its bytes."""

    id: UUID
    consumer: str
    topic: str
    type: str | None
    event_id: str | None
    reason: str
    error: str
    attempts: int
    parked_at: datetime
    traceparent: str | None
    record: Record


class Replayer(Protocol):
    """What dead letters need of a delivery: ``done`` is called in the transaction of its effect."""

    async def replay(self, record: Record, consumer: str, *, done: Done | None = None) -> None:
        """Handle the record by the handlers of that name; raise `NoHandlerError` without any, and what they raise."""
        ...

    async def pass_over(self, record: Record, consumer: str, *, done: Done) -> None:
        """Take the record for handled by the handlers of that name."""
        ...


class DeadLetters:
    """The dead letters of one service."""

    def __init__(self, database: Database, tables: MessagingTables) -> None:
        self._database = database
        self._table = tables.dead_letters

    async def park(self, parked: Parked) -> bool:
        """Keep a record; parking it again for the same consumer changes nothing. Says whether it is new."""
        async with self._database.begin() as connection:
            return await insert_ignoring_conflict(connection, self._table, row_of(parked))

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[DeadLetter]:
        """Return a page of what waits, newest first."""
        columns = self._table.c
        size = min(max(limit, 1), MAX_LIMIT)
        query = select(self._table).where(columns.replayed_at.is_(None))
        if cursor is not None:
            query = query.where(self._after(cursor))
        ordered = query.order_by(columns.parked_at.desc(), columns.id.desc()).limit(size + 1)
        async with self._database.read() as connection:
            found = [_letter(row) for row in (await connection.execute(ordered)).mappings()]
        if len(found) <= size:
            return Page(found)
        last = found[size - 1]
        return Page(found[:size], encode_cursor(ORDER, [last.parked_at.isoformat(), str(last.id)]))

    async def get(self, id: UUID) -> DeadLetter:
        """Return one, or raise `NotFoundError`."""
        query = select(self._table).where(self._waiting(id))
        async with self._database.read() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise _missing(id)
        return _letter(row)

    async def replay(self, id: UUID, delivery: Replayer) -> None:
        """Let the handler that failed try again, and take the letter off the list in the transaction of its effect.

        Raises what the handler raises; the letter stays then, with the new error. Raises `NoHandlerError` where this
        release has no such handler; the letter stays with its own error, since nothing was tried.
        """
        letter = await self.get(id)
        try:
            await delivery.replay(letter.record, letter.consumer, done=self._taking_off(id))
        except NoHandlerError:
            raise
        except Exception as error:
            await self._note(id, repr(error))
            raise

    async def discard(self, id: UUID, delivery: Replayer) -> None:
        """Forget what one holds, or raise `NotFoundError`. Its event is neither handled nor parked when it comes again.

        That is remembered for `SETTLED_KEPT`, longer than anybody offers an event again.
        """
        letter = await self.get(id)
        await delivery.pass_over(letter.record, letter.consumer, done=self._taking_off(id, _FORGOTTEN))

    async def settle(self, id: UUID) -> bool:
        """Take one off the list whose event was handled, as a replay would; says whether it still waited."""
        async with self._database.begin() as connection:
            return await self._take_off(connection, id)

    async def sweep(self) -> None:
        """Forget letters that were replayed or discarded so long ago that nobody offers their events any more."""
        columns, gone, before = self._table.c, SWEEP, database_now(-SETTLED_KEPT)
        # none is taken off before it is parked, and only that has an index
        old = select(columns.id).where(columns.parked_at < before, columns.replayed_at < before).limit(SWEEP)
        while gone == SWEEP:
            async with self._database.begin() as connection:
                gone = (await connection.execute(delete(self._table).where(columns.id.in_(old)))).rowcount

    def _taking_off(self, id: UUID, values: Mapping[str, object] | None = None) -> Done:
        async def take_off(connection: AsyncConnection) -> None:
            if not await self._take_off(connection, id, values):
                raise _missing(id)

        return take_off

    async def _take_off(
        self, connection: AsyncConnection, id: UUID, values: Mapping[str, object] | None = None
    ) -> bool:
        done = update(self._table).where(self._waiting(id)).values(replayed_at=utc_now(), **(values or {}))
        return (await connection.execute(done)).rowcount == 1

    async def _note(self, id: UUID, error: str) -> None:
        values = {"error": storable_text(error, MAX_ERROR), "attempts": self._table.c.attempts + 1}
        async with self._database.begin() as connection:
            await connection.execute(update(self._table).where(self._waiting(id)).values(values))

    def _waiting(self, id: UUID) -> ColumnElement[bool]:
        return and_(self._table.c.id == id, self._table.c.replayed_at.is_(None))

    def _after(self, cursor: str) -> ColumnElement[bool]:
        parked, last = decode_moment_cursor(cursor, ORDER)
        columns = self._table.c
        return or_(columns.parked_at < parked, and_(columns.parked_at == parked, columns.id < last))


def was_discarded(table: Table) -> ColumnElement[bool]:
    """Which letters were discarded: taken off the list without their record's having been handled."""
    return and_(table.c.replayed_at.is_not(None), table.c.error == _FORGOTTEN["error"])


def _missing(id: UUID) -> NotFoundError:
    return NotFoundError(f"There is no dead letter {id}.")


def _letter(row: RowMapping) -> DeadLetter:
    key = None if row["key"] is None else bytes(row["key"])
    place = (row["partition"], row["offset"])
    record = record_from(row["topic"], key, bytes(row["value"]), row["headers"], place)
    named = {each.name: row[each.name] for each in fields(DeadLetter) if each.name != "record"}
    return DeadLetter(**named, record=record)
