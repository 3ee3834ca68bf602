"""Records that could not be handled: rows in the consumer's own database, listed, replayed, discarded."""

import base64
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.pagination import Page, decode_cursor, encode_cursor, invalid_cursor
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.tables import MessagingTables
from skyulf_service.errors import NotFoundError
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.records import Record

if TYPE_CHECKING:
    from skyulf_service.database.unit_of_work import UnitOfWork
    from skyulf_service.messaging.policy import Delivery

MAX_ERROR = 4_000


@dataclass(frozen=True, slots=True)
class Parked:
    """A record, the consumer that could not take it, and why."""

    record: Record
    consumer: str
    reason: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A parked record as it is listed. ``value`` holds its bytes."""

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


class DeadLetters:
    """The dead letters of one service."""

    def __init__(self, database: Database, tables: MessagingTables) -> None:
        self._database = database
        self._table = tables.dead_letters

    async def park(self, parked: Parked) -> None:
        """Keep a record; parking it twice keeps one."""
        async with self._database.begin() as connection:
            await insert_ignoring_conflict(connection, self._table, _row(parked))

    async def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[DeadLetter]:
        """Return a page of what waits, newest first."""
        columns = self._table.c
        query = select(self._table).where(columns.replayed_at.is_(None))
        if cursor is not None:
            query = query.where(self._after(cursor))
        async with self._database.read() as connection:
            ordered = query.order_by(columns.parked_at.desc(), columns.id.desc()).limit(limit + 1)
            found = [_letter(row) for row in (await connection.execute(ordered)).all()]
        if len(found) <= limit:
            return Page(found)
        last = found[limit - 1]
        return Page(found[:limit], encode_cursor("dead_letters", [last.parked_at.isoformat(), str(last.id)]))

    async def get(self, id: UUID) -> DeadLetter:
        """Return one, or raise `NotFoundError`."""
        columns = self._table.c
        async with self._database.read() as connection:
            query = select(self._table).where(columns.id == id, columns.replayed_at.is_(None))
            row = (await connection.execute(query)).first()
        if row is None:
            raise NotFoundError(f"There is no dead letter {id}.")
        return _letter(row)

    async def replay(self, id: UUID, delivery: "Delivery[UnitOfWork]") -> None:
        """Let the handler that failed try again. Raises what it raises, and keeps the letter then."""
        letter = await self.get(id)
        await delivery.replay(letter.record, letter.consumer)
        async with self._database.begin() as connection:
            done = update(self._table).where(self._table.c.id == id).values(replayed_at=utc_now())
            await connection.execute(done)

    async def discard(self, id: UUID) -> None:
        """Forget one, or raise `NotFoundError`."""
        async with self._database.begin() as connection:
            await self._remove(connection, id)

    async def _remove(self, connection: AsyncConnection, id: UUID) -> None:
        gone = await connection.execute(delete(self._table).where(self._table.c.id == id))
        if gone.rowcount != 1:
            raise NotFoundError(f"There is no dead letter {id}.")

    def _after(self, cursor: str) -> ColumnElement[bool]:
        moment, id = decode_cursor(cursor, "dead_letters", 2)
        try:
            parked, last = datetime.fromisoformat(str(moment)), UUID(str(id))
        except ValueError:
            raise invalid_cursor() from None
        columns = self._table.c
        return or_(columns.parked_at < parked, (columns.parked_at == parked) & (columns.id < last))


def _row(parked: Parked) -> dict[str, object]:
    record = parked.record
    headers = {name.lower(): value for name, value in record.headers}
    return {
        "id": new_id(),
        "consumer": parked.consumer,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": [[name, base64.b64encode(value).decode()] for name, value in record.headers],
        "type": _text(headers.get("ce_type"), 200),
        "event_id": _text(headers.get("ce_id"), 80),
        "reason": parked.reason,
        "error": parked.error.replace("\0", "").encode("utf-8", "replace").decode()[:MAX_ERROR],
        "traceparent": (record.header("traceparent") or "")[:80] or None,
        "attempts": parked.attempts,
        "parked_at": utc_now(),
    }


def _text(value: bytes | None, length: int) -> str | None:
    return None if value is None else value.decode("utf-8", "replace").replace("\0", "")[:length]


def _letter(row: "Row[tuple[object, ...]]") -> DeadLetter:
    found = row._mapping
    headers = [(str(name), base64.b64decode(value)) for name, value in found["headers"]]
    key = None if found["key"] is None else bytes(found["key"])
    record = Record(found["topic"], key, bytes(found["value"]), headers, found["partition"], found["offset"])
    same = ("id", "consumer", "topic", "type", "event_id", "reason", "error", "attempts", "parked_at", "traceparent")
    return DeadLetter(**{name: found[name] for name in same}, record=record)
