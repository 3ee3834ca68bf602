"""What SQLite needs so that its transactions are what they seem."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, cast

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine

BUSY_TIMEOUT_MS = 10_000
# NORMAL in WAL mode loses nothing when a process dies; only a power cut may take the last commits (never the file).
PRAGMAS = ("journal_mode=WAL", f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=NORMAL")


class _Adapted(DBAPIConnection, Protocol):
    """SQLAlchemy's face of an aiosqlite connection, as far as it is used here."""

    isolation_level: str | None

    def run_async(self, call: object) -> object:
        """Call an async function with the driver's connection, and wait."""
        ...


def use_explicit_transactions(engine: AsyncEngine, *, foreign_keys: bool = True) -> None:
    """Take BEGIN away from the driver: its own is deferred, and two readers that then write lose an update."""
    pragmas = (*PRAGMAS, f"foreign_keys={'ON' if foreign_keys else 'OFF'}")
    event.listen(engine.sync_engine, "connect", lambda connection, _record: _configure(connection, pragmas))
    event.listen(engine.sync_engine, "invalidate", _release_lock)


def _configure(connection: DBAPIConnection, pragmas: Sequence[str]) -> None:
    cast(_Adapted, connection).isolation_level = None
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _release_lock(connection: DBAPIConnection | None, _record: object, _error: BaseException | None) -> None:
    # A task was cancelled in the middle of a statement. Closing alone leaves the file locked until the cursor is
    # garbage: stop the statement and roll back first.
    if connection is not None:
        with suppress(Exception):
            cast(_Adapted, connection).run_async(lambda driver: driver.interrupt())
            connection.rollback()
