"""Sessions of PostgreSQL whose process stopped between two messages of one statement, with locks in its hands.

A process that is frozen between two statements is seen to by `idle_in_transaction_session_timeout`. asyncpg asks for a
statement's types first (Parse, Describe, Flush) and runs it afterwards (Bind, Execute, Sync): one that is frozen in
between counts as active, and no timeout of PostgreSQL 16 or older ends its transaction.

Nobody else looks like it for longer than its process is frozen, but who sends rows by COPY: he is left alone.
"""

from datetime import timedelta

import structlog
from sqlalchemy import text

from skyulf_service.database.engine import APPLICATION, IDLE_TIMEOUT_MS, Database

__all__ = ["end_stalled_sessions"]

_log = structlog.get_logger(__name__)
_END = text(
    """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user AND application_name = :application
      AND state = 'active' AND wait_event = 'ClientRead' AND xact_start IS NOT NULL
      AND query NOT ILIKE 'copy %'
      AND state_change < clock_timestamp() - CAST(:patience AS interval)
    """
)


async def end_stalled_sessions(
    database: Database, *, patience: timedelta = timedelta(milliseconds=IDLE_TIMEOUT_MS)
) -> int:
    """End our sessions that have owed the rest of a statement for longer than ``patience``; returns how many.

    Their transactions are rolled back. On SQLite there is nothing to do: nobody can tell there who holds the file.
    """
    if database.dialect == "sqlite":
        return 0
    async with database.read() as connection:
        found = (await connection.execute(_END, {"application": APPLICATION, "patience": patience})).scalars().all()
    ended = found.count(True)  # a neighbour may have been quicker
    if ended:
        _log.warning("database.stalled_sessions_ended", database=database.name, sessions=ended)
    return ended
