"""One database of one service, on SQLite or PostgreSQL, with transactions that mean the same on both."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from skyulf_service.errors import UnavailableError

Dialect = Literal["sqlite", "postgresql"]
POOL_TIMEOUT = 2.0
BUSY_TIMEOUT_MS = 10_000


class Database:
    """An engine with write and read transactions. Connections are made when first needed."""

    def __init__(self, engine: AsyncEngine, *, name: str) -> None:
        self.engine = engine
        self.name = name
        self.dialect: Dialect = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        # One writer at a time in this process: waiting here is fair, waiting for SQLite's file lock is not.
        self._writer = asyncio.Lock() if self.dialect == "sqlite" else None

    @classmethod
    def open(cls, url: str, *, name: str, pool_size: int = 10) -> "Database":
        """Return the database at a SQLAlchemy URL (``sqlite+aiosqlite`` or ``postgresql+asyncpg``)."""
        if url.startswith("sqlite"):
            engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=POOL_TIMEOUT)
            _use_explicit_transactions(engine)
        else:
            engine = create_async_engine(
                url, pool_size=pool_size, max_overflow=5, pool_timeout=POOL_TIMEOUT, pool_pre_ping=True
            )
        return cls(engine, name=name)

    @property
    def url(self) -> str:
        """The URL with its password."""
        return self.engine.url.render_as_string(hide_password=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: committed when the block ends well, rolled back otherwise."""
        if self._writer is None:
            async with self._connect() as connection, connection.begin():
                yield connection
            return
        async with self._writer, self._connect() as connection:
            await connection.execute(text("BEGIN IMMEDIATE"))
            async with _ends(connection):
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; nothing is committed."""
        async with self._connect() as connection:
            if self.dialect == "sqlite":
                await connection.execute(text("BEGIN"))
            try:
                yield connection
            finally:
                await connection.rollback()

    async def ping(self) -> None:
        """Raise `UnavailableError` unless the database answers."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncConnection]:
        try:
            connection = await self.engine.connect()
        except (PoolTimeoutError, OSError) as error:
            raise UnavailableError(f"The {self.name} database is not reachable; try again.") from error
        except DBAPIError as error:
            raise self._translated(error) from error
        try:
            yield connection
        except DBAPIError as error:
            if is_away(error):
                raise self._translated(error) from error
            raise
        finally:
            await connection.close()

    def _translated(self, error: DBAPIError) -> Exception:
        return UnavailableError(f"The {self.name} database is not reachable; try again.") if is_away(error) else error


def is_away(error: DBAPIError) -> bool:
    """Whether the database cannot be reached or is starting, stopping or locked, so that a retry may succeed."""
    if error.connection_invalidated:
        return True
    if isinstance(error.orig, sqlite3.OperationalError):
        return "locked" in str(error.orig) or "unable to open" in str(error.orig)
    state = getattr(error.orig, "sqlstate", None) or ""
    return state.startswith(("08", "57P")) or state in {"53300", "40001", "40P01"} or _lost(error)


def _lost(error: DBAPIError) -> bool:
    return isinstance(error, InterfaceError | OperationalError) and getattr(error.orig, "sqlstate", None) is None


@asynccontextmanager
async def _ends(connection: AsyncConnection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await connection.rollback()
        raise
    await connection.commit()


def _use_explicit_transactions(engine: AsyncEngine) -> None:
    # The driver's own BEGIN is deferred: two readers that then write lose an update. We emit BEGIN ourselves.
    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: object, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("journal_mode=WAL", f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
