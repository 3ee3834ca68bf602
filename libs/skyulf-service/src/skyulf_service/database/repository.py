"""A generic base for repositories: SQLAlchemy Core, one table, one aggregate, always in a scope."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Select, Table, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.pagination import MAX_LIMIT, Page, decode_moment_cursor, encode_cursor
from skyulf_service.errors import NotFoundError, StaleVersionError
from skyulf_service.ids import utc_now
from skyulf_service.scope import Scope


class Aggregate(Protocol):
    """What the base needs to know of an aggregate."""

    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime


A = TypeVar("A", bound=Aggregate)


class Repository(ABC, Generic[A]):
    """Aggregates of one table. Without a system scope every query is bound to the scope's project."""

    table: ClassVar[Table]
    entity: ClassVar[str]

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @abstractmethod
    def to_row(self, aggregate: A) -> dict[str, object]:
        """Write an aggregate as a row."""

    @abstractmethod
    def from_row(self, row: RowMapping) -> A:
        """Read an aggregate from a row."""

    async def first(self, scope: Scope, *conditions: ColumnElement[bool], lock: bool = False) -> A | None:
        """Return the one aggregate that meets the conditions, or None.

        With ``lock`` it is the newest, and nobody else changes it until the transaction ends: for changes that are
        right whatever others made of it a moment ago.
        """
        query = select(self.table).where(*self._within(scope), *conditions).limit(1)
        if lock:
            query = query.with_for_update()
        row = (await self.connection.execute(query)).mappings().first()
        return None if row is None else self.from_row(row)

    async def get(self, scope: Scope, id: UUID, *, lock: bool = False) -> A | None:
        """Return the aggregate with that id, or None."""
        return await self.first(scope, self.table.c.id == id, lock=lock)

    async def require(self, scope: Scope, id: UUID, *, lock: bool = False) -> A:
        """Return the aggregate with that id, or raise `NotFoundError`; another tenant's is not found either."""
        found = await self.get(scope, id, lock=lock)
        if found is None:
            raise NotFoundError(f"There is no {self.entity} {id} in this project.")
        return found

    async def add(self, aggregate: A) -> None:
        """Insert a new aggregate."""
        await self.connection.execute(self.table.insert().values(self.to_row(aggregate)))

    async def save(self, aggregate: A) -> None:
        """Write an aggregate that was read before, and raise its version.

        Raises `StaleVersionError` when somebody else saved it in between.
        """
        known = aggregate.version
        aggregate.version, aggregate.updated_at = known + 1, utc_now()
        changed = await self.connection.execute(
            update(self.table)
            .where(self.table.c.id == aggregate.id, self.table.c.version == known)
            .values(self.to_row(aggregate))
        )
        if changed.rowcount != 1:
            aggregate.version = known
            raise StaleVersionError(f"The {self.entity} was changed by somebody else; read it again and retry.")

    async def delete(self, aggregate: A) -> None:
        """Remove an aggregate. Raises `StaleVersionError` when somebody else saved it in between."""
        columns = self.table.c
        gone = await self.connection.execute(
            delete(self.table).where(columns.id == aggregate.id, columns.version == aggregate.version)
        )
        if gone.rowcount != 1:
            raise StaleVersionError(f"The {self.entity} was changed by somebody else; read it again and retry.")

    async def list(
        self, scope: Scope, *, limit: int = 50, cursor: str | None = None, where: Sequence[ColumnElement[bool]] = ()
    ) -> Page[A]:
        """Return a page of aggregates, newest first."""
        query = select(self.table).where(*self._within(scope), *where)
        if cursor is not None:
            query = query.where(self._after(cursor))
        return await self._page_rows(query, min(max(limit, 1), MAX_LIMIT))

    async def _page_rows(self, query: Select[tuple[object, ...]], limit: int) -> Page[A]:
        columns = self.table.c
        ordered = query.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit + 1)
        rows = (await self.connection.execute(ordered)).mappings().all()
        items = [self.from_row(row) for row in rows[:limit]]
        if len(rows) <= limit:
            return Page(items)
        last = items[-1]
        return Page(items, encode_cursor(self.table.name, [last.created_at.isoformat(), str(last.id)]))

    def _after(self, cursor: str) -> ColumnElement[bool]:
        created, last = decode_moment_cursor(cursor, self.table.name)
        columns = self.table.c
        return or_(columns.created_at < created, and_(columns.created_at == created, columns.id < last))

    def _within(self, scope: Scope) -> Sequence[ColumnElement[bool]]:
        if scope.is_system:
            return []
        return [self.table.c.project_id == scope.require_project()]


async def insert_ignoring_conflict(connection: AsyncConnection, table: Table, row: dict[str, object]) -> bool:
    """Insert a row unless one of its unique constraints is taken; says whether it was inserted."""
    if connection.dialect.name == "sqlite":
        result = await connection.execute(sqlite.insert(table).values(row).on_conflict_do_nothing())
    else:
        result = await connection.execute(postgresql.insert(table).values(row).on_conflict_do_nothing())
    return result.rowcount == 1


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert those rows whose unique constraints are not taken."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        await connection.execute(sqlite.insert(table).on_conflict_do_nothing(), rows)
    else:
        await connection.execute(postgresql.insert(table).on_conflict_do_nothing(), rows)
