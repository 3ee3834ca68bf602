"""What the errors of the two drivers mean."""

import sqlite3

import asyncpg
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError

# connection errors, shutdown and start of the server, too many connections, lost races between transactions
AWAY_STATES = ("08", "57P", "53300", "40001", "40P01", "55P03", "25P03")
FULL_STATES = ("53100",)
# said to whoever opens a connection: it could not be written, the file could be made
INTERNAL_ERROR = "XX000"
FULL_AT_CONNECTING = "could not write init file"
UNIQUE_VIOLATION = "23505"


def is_away(error: BaseException) -> bool:
    """Whether the database is unreachable, starting, stopping, locked or overloaded, so that a retry may succeed."""
    if isinstance(error, DBAPIError):
        if error.connection_invalidated:
            return True
        cause = driver_error(error)
        if isinstance(cause, sqlite3.Error):
            return any(part in str(cause) for part in ("locked", "unable to open", "busy"))
        state = sqlstate(error)
        return state.startswith(AWAY_STATES) or (not state and isinstance(error, InterfaceError | OperationalError))
    if isinstance(error, asyncpg.PostgresError):
        return sqlstate(error).startswith(AWAY_STATES)
    return isinstance(error, asyncpg.InterfaceError | OSError)


def is_full(error: BaseException) -> bool:
    """Whether the database has no room left."""
    cause = driver_error(error)
    if isinstance(cause, sqlite3.Error):
        return "is full" in str(cause)
    state = sqlstate(error)
    return state.startswith(FULL_STATES) or (state == INTERNAL_ERROR and FULL_AT_CONNECTING in str(cause))


def is_damaged(error: BaseException) -> bool:
    """Whether a file is no database of SQLite, or one with damaged pages."""
    code = getattr(driver_error(error), "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def violates_unique(error: IntegrityError) -> bool:
    """Whether a unique constraint or primary key was hit, as opposed to NOT NULL, CHECK or a foreign key."""
    cause = driver_error(error)
    if isinstance(cause, sqlite3.IntegrityError):
        return "UNIQUE constraint" in str(cause)
    return sqlstate(error) == UNIQUE_VIOLATION


def driver_error(error: BaseException) -> BaseException:
    """The error of the driver below SQLAlchemy's."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def sqlstate(error: BaseException) -> str:
    """PostgreSQL's five characters, or an empty text."""
    found = getattr(driver_error(error), "sqlstate", None)
    return found if isinstance(found, str) else ""
