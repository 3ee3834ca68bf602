"""Where answers are kept for idempotency keys: in the service's own database, in the transaction of the effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, Table, and_, delete, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.errors import ConflictError
from skyulf_service.ids import utc_now

KEPT_FOR = timedelta(hours=24)
WAIT_MILLISECONDS = 3000
LOCK_NOT_AVAILABLE = "55P03"


class IdempotencyInProgressError(ConflictError):
    """A request with the same idempotency key is being handled at this moment."""

    code = "idempotency-in-progress"
    title = "Still running"
    retry_after = 1.0


@dataclass(frozen=True, slots=True)
class KeySlot:
    """What an idempotency key is unique in."""

    principal: str
    project_id: UUID
    operation: str
    key: str


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """The answer of the first time, and the fingerprint of the request that got it."""

    fingerprint: str
    status: int
    headers: Mapping[str, str]
    body: bytes


class IdempotencyStore:
    """Claims keys and keeps answers on one connection, inside its transaction."""

    def __init__(self, connection: AsyncConnection, table: Table) -> None:
        self._connection = connection
        self._table = table

    async def claim(self, slot: KeySlot, fingerprint: str) -> KeptAnswer | None:
        """Take the key, or return the answer that it has got already.

        Waits for another transaction that holds the key, three seconds at most on PostgreSQL; then raises
        `IdempotencyInProgressError`. On SQLite writers come one after the other anyway.
        """
        if await self._insert(slot, fingerprint):
            return None
        found = await self._read(slot)
        if found is not None:
            return found
        # it has expired
        await self._connection.execute(delete(self._table).where(self._is(slot)))
        await self._insert(slot, fingerprint)
        return None

    async def keep(self, slot: KeySlot, answer: KeptAnswer) -> None:
        """Store the answer with the key."""
        values = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body}
        await self._connection.execute(update(self._table).where(self._is(slot)).values(values))

    async def _insert(self, slot: KeySlot, fingerprint: str) -> bool:
        dialect = self._connection.dialect.name
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        values = {
            "principal": slot.principal,
            "project_id": slot.project_id,
            "operation": slot.operation,
            "key": slot.key,
            "fingerprint": fingerprint,
            "status": 0,
            "headers": {},
            "body": b"",
            "expires_at": utc_now() + KEPT_FOR,
        }
        statement = insert(self._table).values(values).on_conflict_do_nothing().returning(self._table.c.key)
        if dialect != "postgresql":
            return (await self._connection.execute(statement)).first() is not None
        return await self._insert_waiting_briefly(statement)

    async def _insert_waiting_briefly(self, statement: Executable) -> bool:
        """The unique index makes us wait for a transaction that inserted the same key and has not ended."""
        timeout = text("SELECT set_config('lock_timeout', :value, true)")
        before = await self._connection.scalar(text("SELECT current_setting('lock_timeout')"))
        await self._connection.execute(timeout, {"value": f"{WAIT_MILLISECONDS}ms"})
        try:
            async with self._connection.begin_nested():
                inserted = (await self._connection.execute(statement)).first() is not None
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
                raise IdempotencyInProgressError(
                    "A request with this Idempotency-Key is still running; ask again shortly."
                ) from None
            raise
        await self._connection.execute(timeout, {"value": before})
        return inserted

    async def _read(self, slot: KeySlot) -> KeptAnswer | None:
        columns = self._table.c
        query = select(columns.fingerprint, columns.status, columns.headers, columns.body)
        row = (await self._connection.execute(query.where(self._is(slot), columns.expires_at > utc_now()))).first()
        return None if row is None else KeptAnswer(row.fingerprint, row.status, row.headers, row.body)

    def _is(self, slot: KeySlot) -> ColumnElement[bool]:
        columns = self._table.c
        return and_(
            columns.principal == slot.principal,
            columns.project_id == slot.project_id,
            columns.operation == slot.operation,
            columns.key == slot.key,
        )


async def purge(connection: AsyncConnection, table: Table) -> int:
    """Forget the keys that are past their 24 hours; for the worker's sweeper. Returns how many went."""
    gone = await connection.execute(delete(table).where(table.c.expires_at <= utc_now()))
    return gone.rowcount
