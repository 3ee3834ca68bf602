"""`skyulf backup`: everything that an installation needs to go on elsewhere, in one file."""

import asyncio
import io
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import IO, cast

from skyulf_pipeline.settings import PipelineSettings
from skyulf_service.database.failures import driver_error
from skyulf_service.database.revisions import check_schema
from skyulf_service.errors import SkyulfError
from skyulf_service.half_restored import refuse_half_restored
from skyulf_service.objects.blobs import BlobRef
from skyulf_service.objects.store import ObjectStore
from skyulf_service.outbox.lease import BACKUP, Lease
from skyulf_service.settings import SharedSettings
from sqlalchemy.exc import DBAPIError

from skyulf_standalone.backup.archive import ArchiveWriter, Told
from skyulf_standalone.backup.cut import Copied, Source, copied
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import (
    DATABASES,
    HOME,
    HOME_FILES,
    HOME_FOLDERS,
    KEYS,
    OBJECTS,
    DatabaseEntry,
    Manifest,
)
from skyulf_standalone.backup.watching import Watcher
from skyulf_standalone.services import SERVICES, missing_part, service_of

HELD = timedelta(seconds=60)


async def back_up(path: Path, watcher: Watcher) -> Manifest:
    """Write a backup of the installation that the settings name; it may run meanwhile.

    Raises `BackupError`; there is a file at ``path`` only when it is whole.
    """
    shared = SharedSettings()
    refuse_half_restored(shared.home)
    if (missing := missing_part()) is not None:
        raise BackupError(f"There is nothing to back up: {missing} does not exist; see --home.")
    with ArchiveWriter(path) as archive, tempfile.TemporaryDirectory(prefix=".backup-", dir=path.parent) as folder:
        async with _opened() as sources, _collectors_paused(sources):
            moment, found = await copied(sources, Path(folder), watcher)
            databases = await asyncio.to_thread(_add_databases, archive, found)
            for each in found:
                await _add_objects(archive, each, watcher)
        await asyncio.to_thread(_add_home, archive, shared)
        manifest = Manifest(
            version=version("skyulf-standalone"),
            form=shared.form,
            moment=moment,
            databases=databases,
            files=archive.entries,
        )
        await asyncio.to_thread(archive.finish, manifest)
    return manifest


def left_out() -> list[str]:
    """What an operator may take for a part of the installation, and a backup does not hold, in words."""
    shared = SharedSettings()
    found = [f"{path} is no plain file" for path in _home_files(shared) if path.is_symlink() or not path.is_file()]
    named = cast("PipelineSettings", service_of("pipeline").settings()).node_files
    if named is not None and not named.resolve().is_relative_to((shared.home / "files").resolve()):
        found.append(f"{named} is named by SKYULF_PIPELINE_NODE_FILES and lies outside of the data folder's `files`")
    return found


@asynccontextmanager
async def _opened() -> AsyncIterator[list[Source]]:
    async with AsyncExitStack() as stack:
        sources = []
        for name in SERVICES:
            service = service_of(name)
            source = Source(service, service.open())
            stack.push_async_callback(source.parts.close)
            await _require_readable(source)
            sources.append(source)
        if len({source.database.dialect for source in sources}) > 1:
            raise BackupError("Some databases are SQLite, others PostgreSQL; a backup needs all of one kind.")
        yield sources


async def _require_readable(source: Source) -> None:
    try:
        await check_schema(source.database, source.service.package)
    except DBAPIError as error:
        raise BackupError(
            f"The database of {source.service.name} cannot be read ({driver_error(error)}); `skyulf doctor` says more."
        ) from error


@asynccontextmanager
async def _collectors_paused(sources: Sequence[Source]) -> AsyncIterator[None]:
    """Let no object go while it is copied. It ends by itself a minute after this process."""
    leases = [
        Lease(source.database, source.service.messaging.leases, BACKUP, ttl=HELD)
        for source in sources
        if source.service.needs is not None
    ]
    async with AsyncExitStack() as stack:
        for lease in leases:
            if not await lease.hold():
                raise BackupError("Another backup is being made, or was broken off less than a minute ago.")
            stack.push_async_callback(lease.release)
            keeping = asyncio.create_task(lease.keep(), name="backup lease")
            stack.callback(keeping.cancel)
        yield
        if not all(lease.held for lease in leases):
            raise BackupError("The backup was held up for over a minute, and objects may be missing in it; try again.")


def _add_databases(archive: ArchiveWriter, found: Sequence[Copied]) -> list[DatabaseEntry]:
    entries = []
    for each in found:
        name = f"{DATABASES}/{each.file.name}"
        archive.add_file(name, each.file)
        entries.append(DatabaseEntry(service=each.name, dialect=each.dialect, revision=each.revision, file=name))
        each.file.unlink()
    return entries


async def _add_objects(archive: ArchiveWriter, found: Copied, watcher: Watcher) -> None:
    if found.store is None:
        return
    told = watcher.begin(f"objects of {found.name}", sum(ref.size for ref in found.needed))
    try:
        for ref in found.needed:
            await _add_object(archive, found.store, ref, told)
    except SkyulfError as error:  # missing, damaged, or the store is away
        raise BackupError(f"An object that {found.name} refers to cannot be read: {error.detail}") from error
    finally:
        await found.store.close()


async def _add_object(archive: ArchiveWriter, store: ObjectStore, ref: BlobRef, told: Told) -> None:
    name = f"{OBJECTS}/{store.bucket}/{ref.key}"
    async with aclosing(store.open_stream(ref.key)) as chunks:
        reader = cast("IO[bytes]", _Reader(chunks, asyncio.get_running_loop()))
        await asyncio.to_thread(archive.add, name, reader, ref.size, sha256=ref.sha256, told=told)


def _add_home(archive: ArchiveWriter, shared: SharedSettings) -> None:
    for path in sorted(shared.keys_folder.iterdir()):
        if path.suffix in (".key", ".pub"):
            archive.add_file(f"{KEYS}/{path.name}", path)
    for path in _home_files(shared):
        if path.is_file() and not path.is_symlink():
            archive.add_file(f"{HOME}/{path.relative_to(shared.home).as_posix()}", path)


def _home_files(shared: SharedSettings) -> list[Path]:
    """Files that are kept, if they are files; folders are left to what is in them."""
    found = [path for name in HOME_FILES if (path := shared.home / name).exists() or path.is_symlink()]
    for folder in HOME_FOLDERS:
        found += sorted(path for path in (shared.home / folder).rglob("*") if path.is_symlink() or not path.is_dir())
    return found


class _Reader(io.RawIOBase):
    """A stream of the event loop as a file, for the thread that writes the archive."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], loop: asyncio.AbstractEventLoop) -> None:
        self._chunks, self._loop, self._buffer = chunks, loop, b""

    def read(self, size: int = -1) -> bytes:
        """So many bytes; fewer only at the end, as tarfile wants it."""
        while size < 0 or len(self._buffer) < size:
            more = asyncio.run_coroutine_threadsafe(self._next(), self._loop).result()
            if not more:
                break
            self._buffer += more
        end = len(self._buffer) if size < 0 else size
        data, self._buffer = self._buffer[:end], self._buffer[end:]
        return data

    async def _next(self) -> bytes:
        return await anext(self._chunks, b"")
