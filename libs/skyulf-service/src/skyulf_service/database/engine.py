"""One database of one service, on SQLite or PostgreSQL, with transactions that mean the same on both."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Literal

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from skyulf_service.database.failures import is_away, is_full
from skyulf_service.database.metering import POOL_SIZE, PoolMeter
from skyulf_service.database.news import News
from skyulf_service.database.sqlite import use_explicit_transactions
from skyulf_service.database.types import refuse_unstorable_text, write_json
from skyulf_service.errors import BusyError, StorageFullError, UnavailableError

__all__ = ["Database", "Dialect", "is_away"]

Dialect = Literal["sqlite", "postgresql"]
POOL_TIMEOUT = 2.0
WRITER_TIMEOUT = 10.0
CONNECT_TIMEOUT = 5.0
CLOSE_TIMEOUT = 2.0
IDLE_TIMEOUT_MS = 5_000
APPLICATION = "skyulf"
STATEMENT_TIMEOUT = 60.0


class Database:
    """An engine with write and read transactions. Connections are made when first needed.

    Whoever uses it gets `UnavailableError` when the database is away or starting, `BusyError` when it is overloaded
    (before anything is begun), `StorageFullError` when its disk is full, and SQLAlchemy's own errors otherwise.
    """

    def __init__(self, engine: AsyncEngine, *, name: str, connections: int = 10) -> None:
        self.engine = engine
        self.name = name
        self.dialect: Dialect = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
        # One writer at a time in this process: waiting here is fair, waiting for SQLite's file lock is not.
        self._writer = asyncio.Lock() if self.dialect == "sqlite" else None
        # The pool lets newcomers pass those who wait, who then time out under load: they queue up here instead.
        self._slots = asyncio.Semaphore(connections)
        self._meter = PoolMeter(name)
        self.news = News(engine)

    @classmethod
    def open(cls, url: str, *, name: str, pool_size: int = 10) -> "Database":
        """Return the database at a SQLAlchemy URL (``sqlite+aiosqlite`` or ``postgresql+asyncpg``)."""
        if url.startswith("sqlite"):
            engine = create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=1,  # the writer's
                pool_timeout=POOL_TIMEOUT,
                json_serializer=write_json,
            )
            use_explicit_transactions(engine)
        else:
            engine = create_async_engine(
                url,
                pool_size=pool_size,
                max_overflow=1,  # for notifications
                pool_timeout=POOL_TIMEOUT,
                pool_pre_ping=True,
                json_serializer=write_json,
                connect_args={
                    "timeout": CONNECT_TIMEOUT,
                    "command_timeout": STATEMENT_TIMEOUT,
                    "server_settings": {
                        "application_name": APPLICATION,
                        # a process frozen between two statements must not keep its row locks for ever; for one frozen
                        # within a statement there is `database.stalled`
                        "idle_in_transaction_session_timeout": str(IDLE_TIMEOUT_MS),
                    },
                },
            )
        refuse_unstorable_text(engine)
        POOL_SIZE.labels(name).set(pool_size)
        return cls(engine, name=name, connections=pool_size)

    @property
    def url(self) -> str:
        """The URL with its password."""
        return self.engine.url.render_as_string(hide_password=False)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: committed when the block ends well, rolled back otherwise."""
        if self._writer is None:
            async with self._slot(), self._connect() as connection, connection.begin():
                yield connection
            return
        async with self._only_writer(self._writer), self._connect() as connection:
            await connection.execute(text("BEGIN IMMEDIATE"))
            async with _ends(connection):
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads; nothing is committed, and PostgreSQL refuses to write in it."""
        async with self._slot(), self._connect() as connection:
            if self.dialect == "sqlite":
                await connection.execute(text("BEGIN"))
            else:
                await connection.execution_options(postgresql_readonly=True)
            try:
                yield connection
            finally:
                await connection.rollback()

    async def ping(self) -> None:
        """Raise `UnavailableError` unless the database answers."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections; a server that does not answer is not waited for."""
        await self.news.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self.engine.dispose()

    @asynccontextmanager
    async def _only_writer(self, writer: asyncio.Lock) -> AsyncIterator[None]:
        await self._acquired(writer, WRITER_TIMEOUT)
        try:
            yield
        finally:
            writer.release()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        await self._acquired(self._slots, POOL_TIMEOUT)
        try:
            yield
        finally:
            self._slots.release()

    async def _acquired(self, turn: asyncio.Lock | asyncio.Semaphore, timeout: float) -> None:
        try:
            async with asyncio.timeout(timeout):
                with self._meter.waiting() if turn.locked() else nullcontext():
                    await turn.acquire()
        except TimeoutError:
            self._meter.refusals.inc()
            raise BusyError(f"The {self.name} database is busy; try again.") from None

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[AsyncConnection]:
        connection = await self._checked_out()
        self._meter.in_use.inc()
        try:
            yield connection
        except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._translated(error) from error
        finally:
            self._meter.in_use.dec()
            await asyncio.shield(connection.close())

    async def _checked_out(self) -> AsyncConnection:
        try:
            return await self.engine.connect()
        except (PoolTimeoutError, OSError) as error:
            raise self._away() from error
        except (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> Exception:
        if is_away(error):
            return self._away()
        if is_full(error):
            return StorageFullError(f"The disk of the {self.name} database is full.")
        return error

    def _away(self) -> UnavailableError:
        return UnavailableError(f"The {self.name} database is not reachable; try again.")


@asynccontextmanager
async def _ends(connection: AsyncConnection) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await connection.rollback()
        raise
    await connection.commit()
