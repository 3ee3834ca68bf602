"""All databases as they were at one moment, with the objects that they refer to then.

Why one moment: docs/decisions/0031-a-backup-is-a-power-cut.md.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic

from skyulf_service.composition import Parts
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import utc_now
from skyulf_service.objects.blobs import BlobRef
from skyulf_service.objects.store import ObjectStore
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_standalone.backup import postgres, sqlite
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import Dialect
from skyulf_standalone.backup.sqlite import ATTEMPTS, LOCK_SECONDS
from skyulf_standalone.backup.watching import Watcher
from skyulf_standalone.services import AnyService

PAGE_BYTES = 4096


@dataclass(frozen=True)
class Source:
    """A service that is backed up."""

    service: AnyService
    parts: Parts[UnitOfWork]

    @property
    def database(self) -> Database:
        """Its database."""
        return self.parts.database


@dataclass(frozen=True)
class Copied:
    """A copy of a database, and what it refers to; ``store`` is where that lies."""

    name: str
    file: Path
    dialect: Dialect
    revision: str
    store: ObjectStore | None
    needed: Sequence[BlobRef]


async def copied(sources: Sequence[Source], folder: Path, watcher: Watcher) -> tuple[datetime, list[Copied]]:
    """Copy all databases into a folder, each as it was at the moment that is returned too."""
    if all(source.database.dialect == "sqlite" for source in sources):
        return await _files(sources, folder, watcher)
    return await _dumps(sources, folder, watcher)


async def _files(sources: Sequence[Source], folder: Path, watcher: Watcher) -> tuple[datetime, list[Copied]]:
    paths = {source.service.name: database_file(source.database) for source in sources}
    targets = {name: folder / f"{name}.sqlite3" for name in paths}

    def copy_all() -> datetime:
        told = watcher.begin("databases", sum(path.stat().st_size for path in paths.values()))
        with sqlite.one_moment(paths) as readers:
            moment = utc_now()
            for name, reader in readers.items():
                sqlite.copy(reader, targets[name], lambda pages: told(pages * PAGE_BYTES))
        return moment

    moment = await asyncio.to_thread(copy_all)
    found = []
    for source in sources:
        copy = Database.open(f"sqlite+aiosqlite:///{targets[source.service.name]}", name=source.service.name)
        try:
            async with copy.read() as connection:
                found.append(await _described(source, targets[source.service.name], connection))
        finally:
            await copy.close()
    return moment, found


async def _dumps(sources: Sequence[Source], folder: Path, watcher: Watcher) -> tuple[datetime, list[Copied]]:
    found = []
    told = watcher.begin("databases", len(sources))
    async with AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(_reader(source.database)) for source in sources]
        moment, snapshots = await _pinned(sources, readers)
        for source, reader, snapshot in zip(sources, readers, snapshots, strict=True):
            target = folder / f"{source.service.name}.dump"
            await postgres.dump(source.database.engine.url, snapshot, target)
            found.append(await _described(source, target, reader))
            told(1)
    return moment, found


async def _pinned(sources: Sequence[Source], readers: Sequence[AsyncConnection]) -> tuple[datetime, list[str]]:
    async with await _all_locked(sources):
        snapshots = [await postgres.export_snapshot(reader) for reader in readers]
        return utc_now(), snapshots


async def _all_locked(sources: Sequence[Source]) -> AsyncExitStack:
    """Lock the messages of all databases until the stack is closed; `BackupError` where others are always first."""
    attempt = 1
    while True:
        try:
            return await _locked(sources)
        except UnavailableError as error:
            if attempt == ATTEMPTS:
                raise BackupError("The databases are away, or stay locked by somebody else; try again.") from error
        await asyncio.sleep(0.2 * attempt)
        attempt += 1


async def _locked(sources: Sequence[Source]) -> AsyncExitStack:
    deadline = monotonic() + LOCK_SECONDS
    async with AsyncExitStack() as locks:  # an error gives them back: who waits for the others shall not wait for us
        for source in sources:
            connection = await locks.enter_async_context(source.database.begin())
            await postgres.lock_messages(connection, seconds=max(deadline - monotonic(), 0.05))
        return locks.pop_all()


@asynccontextmanager
async def _reader(database: Database) -> AsyncIterator[AsyncConnection]:
    async with database.engine.connect() as connection:
        # the snapshot is that of the first statement, which `export_snapshot` makes
        yield await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


async def _described(source: Source, file: Path, connection: AsyncConnection) -> Copied:
    service = source.service
    revision: str = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
    store: ObjectStore | None = None
    needed: Sequence[BlobRef] = ()
    if service.needs is not None:
        store = source.parts.objects(service.buckets[0])
        needed = await service.needs(connection, store)
    return Copied(service.name, file, source.database.dialect, revision, store, needed)


def database_file(database: Database) -> Path:
    """Where a SQLite database lies."""
    return Path(str(database.engine.url.database))
