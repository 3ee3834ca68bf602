"""Where databases are restored to: SQLite files, or databases of PostgreSQL."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from skyulf_service.database.engine import Database
from skyulf_service.durable import make_folder
from skyulf_service.half_restored import marks_go, unmark_database
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import KeyFileError
from sqlalchemy import text
from sqlalchemy.engine import URL

from skyulf_standalone.backup import postgres
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import DatabaseEntry
from skyulf_standalone.backup.places import move_settled

# Claims of events and settled dead letters are forgotten after a while. Those of an old backup shall live as long
# again: neighbours offer their events anew after a restore; one that was forgotten would be handled or parked twice.
_NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgresql": "clock_timestamp()"}
_FRESH_CLAIMS = "UPDATE inbox SET handled_at = {now}"
_FRESH_LETTERS = "UPDATE dead_letters SET replayed_at = {now} WHERE replayed_at IS NOT NULL"
_NO_LEASES = "DELETE FROM leases"
# What Kafka held is gone: every event that is kept leaves once more, and the inboxes drop what was handled.
_OFFERED_ANEW = "UPDATE outbox SET published_at = NULL"


class Target(Protocol):
    """Databases that are restored."""

    async def check(self, *, replace: bool) -> None:
        """Raise `BackupError` where something runs on them, or (without ``replace``) where they hold something."""
        ...

    async def prepare(self, staging: Path, databases: Sequence[DatabaseEntry]) -> None:
        """Try everything that can fail before anything is changed; raises `BackupError`."""
        ...

    async def mark(self) -> None:
        """Say in each database that it is about to be restored: no role starts on it from then on."""
        ...

    async def put(self, staging: Path, databases: Sequence[DatabaseEntry], aside: Path) -> None:
        """Put the restored ones in their place; what else waits for that is done before the marks are taken away."""
        ...

    async def close(self) -> None:
        """Give up connections."""
        ...


class EmbeddedTarget:
    """SQLite files; the lock of the data folder says that nothing runs."""

    def __init__(self, urls: Mapping[str, URL]) -> None:
        self._paths = {name: Path(str(url.database)) for name, url in urls.items()}

    async def check(self, *, replace: bool) -> None:
        """Files that are there are only replaced on purpose."""
        there = [path for path in self._paths.values() if path.exists()]
        if there and not replace:
            raise BackupError(
                f"{there[0]} exists: there is an installation already. "
                "Restore into an empty folder (--home), or put the old one aside with --replace."
            )

    async def prepare(self, staging: Path, databases: Sequence[DatabaseEntry]) -> None:
        """Look at the new files, and make them ready."""
        for each in databases:
            try:
                with closing(sqlite3.connect(staging / each.file)) as connection:
                    _require_sound(connection, each)
                    for statement in (_FRESH_CLAIMS, _FRESH_LETTERS, _NO_LEASES):
                        connection.execute(statement.format(now=_NOW["sqlite"]))
                    connection.commit()
            except sqlite3.Error as error:
                raise BackupError(
                    f"The backup's database of {each.service} cannot be used ({error}); nothing was restored."
                ) from error

    async def mark(self) -> None:
        """Nothing: the mark of the data folder is enough."""

    async def put(self, staging: Path, databases: Sequence[DatabaseEntry], aside: Path) -> None:
        """Old files aside, with what SQLite keeps beside them; then the new ones."""
        for path in self._paths.values():
            for old in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
                if old.exists():
                    make_folder(aside / "db", 0o700)
                    move_settled(old, aside / "db" / old.name)
        for each in databases:
            path = self._paths[each.service]
            make_folder(path.parent)
            move_settled(staging / each.file, path)
        _marks_go()

    async def close(self) -> None:
        """Nothing to give up."""


class PostgresTarget:
    """Databases of PostgreSQL, each reached with its service's role; Kafka's records go with the old ones."""

    def __init__(self, urls: Mapping[str, URL], shared: SharedSettings) -> None:
        self._databases = {
            name: Database.open(url.render_as_string(hide_password=False), name=name, pool_size=2)
            for name, url in urls.items()
        }
        self._brokers = Brokers.of(shared) if shared.form == "distributed" else None

    async def check(self, *, replace: bool) -> None:
        """No role may run, and each may empty its database; one that holds tables is only replaced on purpose."""
        await self._require_alone()
        for name, database in self._databases.items():
            if not replace and not await postgres.is_empty(database.engine):
                raise BackupError(f"The database of {name} is not empty; --replace drops what it holds.")
            if not await postgres.may_empty(database.engine):
                role, place = database.engine.url.username, database.engine.url.database
                raise BackupError(
                    f"The role of {name} may not empty its database; run: ALTER DATABASE {place} OWNER TO {role}; "
                    "ALTER SCHEMA public OWNER TO pg_database_owner"
                )

    async def prepare(self, staging: Path, databases: Sequence[DatabaseEntry]) -> None:
        """Read the dumps' contents, see whether Kafka is there, and whether each database can be emptied now."""
        from skyulf_standalone.backup.topics import require_brokers

        for each in databases:
            await postgres.list_content(self._databases[each.service].engine.url, staging / each.file)
        if self._brokers is not None:
            await require_brokers(self._brokers)
        await self._require_alone()  # hours may have gone by since the first look
        for database in self._databases.values():
            async with postgres.changing(database) as connection:
                await postgres.try_to_empty(connection)

    async def mark(self) -> None:
        """Each mark is committed by itself; who has come in before its own is seen afterwards."""
        for database in self._databases.values():
            async with postgres.changing(database) as connection:
                await postgres.mark(connection)
        await self._require_alone()

    async def put(self, staging: Path, databases: Sequence[DatabaseEntry], aside: Path) -> None:
        """Empty each without a moment in which it has no mark, fill all, and take the marks away at the end."""
        from skyulf_standalone.backup.topics import forget_records

        for database in self._databases.values():
            async with postgres.changing(database) as connection:
                await postgres.empty(connection)
                await postgres.mark(connection)
        if self._brokers is not None:
            await forget_records(self._brokers)
        for each in databases:
            database = self._databases[each.service]
            await postgres.load(database.engine.url, staging / each.file)
            async with postgres.changing(database) as connection:
                for statement in (_FRESH_CLAIMS, _FRESH_LETTERS, _NO_LEASES, _OFFERED_ANEW):
                    await connection.execute(text(statement.format(now=_NOW["postgresql"])))
        _marks_go()
        for database in self._databases.values():
            async with postgres.changing(database) as connection:
                await unmark_database(connection)

    async def close(self) -> None:
        """Give up connections."""
        for database in self._databases.values():
            await database.close()

    async def _require_alone(self) -> None:
        for name, database in self._databases.items():
            others = await postgres.others_connected(database.engine)
            if others:
                raise BackupError(f"{others} sessions use the database of {name}: stop all roles first.")


def _marks_go() -> None:
    try:
        marks_go()
    except KeyFileError as error:
        raise BackupError(str(error)) from error


def _require_sound(connection: sqlite3.Connection, entry: DatabaseEntry) -> None:
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    revisions = [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]
    if found != "ok" or revisions != [entry.revision]:
        said = found if found != "ok" else f"it has schema {', '.join(revisions) or 'none'}, not {entry.revision}"
        raise BackupError(f"The backup's database of {entry.service} cannot be used ({said}); nothing was restored.")
