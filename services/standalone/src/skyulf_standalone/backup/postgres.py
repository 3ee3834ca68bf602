"""PostgreSQL's own tools for dumps, run with a service's own role."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from skyulf_service.database.engine import Database
from skyulf_service.database.failures import sqlstate
from skyulf_service.errors import UnavailableError
from skyulf_service.half_restored import mark_database
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from skyulf_standalone.backup.errors import BackupError

LOCK_SECONDS = 5.0
LOCK_NOT_AVAILABLE = "55P03"


async def lock_messages(connection: AsyncConnection, *, seconds: float) -> None:
    """Wait until no transaction that sends or takes in an event is open, and let none begin until this one ends."""
    await connection.execute(text(f"SET LOCAL lock_timeout = {round(seconds * 1000)}"))
    await connection.execute(text("LOCK TABLE outbox, inbox IN SHARE MODE"))


async def allow_idle(connection: AsyncConnection) -> None:
    """Let this transaction do nothing for longer than those of services may: objects are read meanwhile."""
    await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


async def export_snapshot(connection: AsyncConnection) -> str:
    """Pin what is committed now, for this connection and for `dump`; it is held until the transaction ends."""
    await allow_idle(connection)
    found: str = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
    return found


async def dump(url: URL, snapshot: str, target: Path) -> None:
    """Write a database as it is in a snapshot."""
    arguments = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
    await _run("pg_dump", arguments, url)


async def load(url: URL, source: Path) -> None:
    """Fill an empty database from a dump, wholly or not at all."""
    arguments = ["--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error", f"--dbname={url.database}"]
    await _run("pg_restore", [*arguments, str(source)], url)


async def list_content(url: URL, source: Path) -> None:
    """Raise `BackupError` where a file is no dump that `load` can read, or the program for it is missing."""
    await _run("pg_restore", ["--list", f"--file={os.devnull}", str(source)], url)


async def others_connected(engine: AsyncEngine) -> int:
    """How many other sessions of this role use the database: a running process has some."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
    )
    async with engine.connect() as connection:
        found: int = (await connection.execute(query)).scalar_one()
    return found


async def is_empty(engine: AsyncEngine) -> bool:
    """Whether the database holds no table."""
    query = text("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    async with engine.connect() as connection:
        found: int = (await connection.execute(query)).scalar_one()
    return found == 0


async def may_empty(engine: AsyncEngine) -> bool:
    """Whether `empty` would be allowed: who owns the database may, and who owns the schema and may make another."""
    query = text(
        "SELECT has_database_privilege(current_database(), 'CREATE')"
        " AND coalesce((SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'), true)"
    )
    async with engine.connect() as connection:
        found: bool = (await connection.execute(query)).scalar_one()
    return found


@asynccontextmanager
async def changing(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that changes tables; `BackupError` names who holds what it waits for."""
    try:
        async with database.begin() as connection:
            await connection.execute(text(f"SET LOCAL lock_timeout = {round(LOCK_SECONDS * 1000)}"))
            yield connection
    except UnavailableError as error:
        if error.__cause__ is None or sqlstate(error.__cause__) != LOCK_NOT_AVAILABLE:
            raise
        raise BackupError(
            f"The database of {database.name} is held by a long transaction ({await _holders(database.engine)}): "
            "end it, or wait until it has ended."
        ) from error


async def try_to_empty(connection: AsyncConnection) -> None:
    """Do what `empty` does, and take it back: it raises what `empty` would."""
    trial = await connection.begin_nested()
    await empty(connection)
    await trial.rollback()


async def empty(connection: AsyncConnection) -> None:
    """Remove every table."""
    await connection.execute(text("DROP SCHEMA IF EXISTS public CASCADE"))
    await connection.execute(text("CREATE SCHEMA public"))


async def mark(connection: AsyncConnection) -> None:
    """Say that a restore begins, beside what is there."""
    await connection.execute(text("CREATE SCHEMA IF NOT EXISTS public"))
    await mark_database(connection)


async def _holders(engine: AsyncEngine) -> str:
    query = text(
        "SELECT DISTINCT format('process %s of %s', pid, coalesce(usename, 'the server')) FROM pg_locks"
        " JOIN pg_stat_activity USING (pid) JOIN pg_class ON pg_class.oid = relation"
        " WHERE granted AND datname = current_database() AND relnamespace = to_regnamespace('public')"
        " AND pid <> pg_backend_pid()"
    )
    async with engine.connect() as connection:
        found = (await connection.execute(query)).scalars().all()
    return ", ".join(sorted(found)) or "it has ended by now"


async def _run(program: str, arguments: Sequence[str], url: URL) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(
            f"{program} is not installed; it comes with PostgreSQL's client programs (Debian: postgresql-client), "
            "and must not be older than the server."
        )
    process = await asyncio.create_subprocess_exec(
        found, *arguments, env={**os.environ, **_connection(url)}, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if process.returncode:
        raise BackupError(f"{program} of database {url.database} failed: {said.decode(errors='replace').strip()}")


def _connection(url: URL) -> Mapping[str, str]:
    # by the environment: other users of the machine can read the arguments of a process
    found = {
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "",
        "PGSSLMODE": str(url.query.get("ssl", "")),
    }
    return {name: value for name, value in found.items() if value}
