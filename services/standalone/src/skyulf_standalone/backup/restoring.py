"""`skyulf restore`: verify a backup from end to end, then put everything where the settings say."""

import asyncio
import hashlib
import io
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from skyulf_service.composition import object_store
from skyulf_service.database.revisions import revisions
from skyulf_service.errors import SkyulfError
from skyulf_service.half_restored import RESTORING, mark_folder, unmark_folder
from skyulf_service.objects.store import ObjectStore
from skyulf_service.settings import SharedSettings
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from skyulf_standalone.backup import archive
from skyulf_standalone.backup.archive import CHUNK, Told
from skyulf_standalone.backup.elsewhere import named_elsewhere
from skyulf_standalone.backup.errors import BackupError
from skyulf_standalone.backup.manifest import HOME, OBJECTS, SETTINGS, Entry, Manifest, bucket_of
from skyulf_standalone.backup.places import SETTINGS_BESIDE, Places
from skyulf_standalone.backup.targets import EmbeddedTarget, PostgresTarget, Target
from skyulf_standalone.backup.watching import Watcher
from skyulf_standalone.home import locked
from skyulf_standalone.services import SERVICES, service_of

UNPACKED = "unpacked"


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore has done. ``aside`` holds what was there; ``beside`` is the backup's ``skyulf.toml`` where it
    names other places (``elsewhere``) than the settings that were gone by, and these were kept.
    """

    manifest: Manifest
    aside: Path | None
    beside: Path | None
    elsewhere: Sequence[str]


async def restore(path: Path, watcher: Watcher, *, replace: bool = False) -> Restored:
    """Put a backup in the place of what the settings name; nothing of Skyulf may run there.

    What was there is refused, or with ``replace`` put aside (databases of PostgreSQL: dropped).
    Raises `BackupError` before anything is changed, unless its text says otherwise.
    """
    shared = SharedSettings()
    with locked(shared.home):
        manifest, elsewhere = await asyncio.to_thread(_verified, path, watcher, shared.home)
        urls = {name: make_url(service_of(name).settings().database) for name in SERVICES}
        _require_known(manifest, urls)
        places = Places(shared, keep_settings=bool(elsewhere))
        target: Target = (
            EmbeddedTarget(urls) if manifest.databases[0].dialect == "sqlite" else PostgresTarget(urls, shared)
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(target.close)
            await target.check(replace=replace)
            if not replace:
                places.require_free(manifest)
            staging = shared.home / RESTORING / UNPACKED
            stack.callback(_clear, staging)
            with archive.damage(path):  # it was whole a moment ago
                await _unpacked(path, staging, manifest, shared, watcher)
            places.check(staging)
            await target.prepare(staging, manifest.databases)
            mark_folder(shared.home)
            aside = await _placed(places, target, staging, manifest)
            unmark_folder(shared.home)
    beside = shared.home / SETTINGS_BESIDE if elsewhere else None
    return Restored(manifest, aside if aside.exists() else None, beside, elsewhere)


async def _placed(places: Places, target: Target, staging: Path, manifest: Manifest) -> Path:
    try:
        await target.mark()
        aside = places.put(staging)
        await target.put(staging, manifest.databases, aside)
    except (BackupError, SkyulfError, SQLAlchemyError, OSError) as error:
        said = error.detail if isinstance(error, SkyulfError) else str(error)
        raise BackupError(
            f"{said.rstrip('.')}. The restore is half done, and nothing starts there: mend it, and run `skyulf restore "
            "FILE --replace` again."
        ) from error
    return aside


def _clear(staging: Path) -> None:
    """Remove what was unpacked; the mark beside it stays until everything is in its place."""
    shutil.rmtree(staging, ignore_errors=True)
    with suppress(OSError):  # the mark is in it, or there was nothing
        staging.parent.rmdir()


def _verified(path: Path, watcher: Watcher, home: Path) -> tuple[Manifest, list[str]]:
    """Return the manifest, and what the backup's settings name elsewhere; the place must say then where it is."""
    size = path.stat().st_size if path.is_file() else 0  # of what is packed: the bar is a guess
    name, settings = f"{HOME}/{SETTINGS}", io.BytesIO()
    manifest = archive.verified(path, watcher.begin("verifying", size), copies={name: settings})
    has_settings = any(entry.name == name for entry in manifest.files)
    elsewhere = named_elsewhere(settings.getvalue()) if has_settings else []
    if elsewhere and not (home / SETTINGS).exists():
        own = shlex.quote(str(home / SETTINGS))
        raise BackupError(
            f"The backup's {SETTINGS} names other places than this restore would fill: {'; '.join(elsewhere)}. "
            f"Say first where this installation keeps its data, in {own} (an empty file: in that folder, and what "
            "the environment names), or take the backup's file and change what is elsewhere now: "
            f"(umask 077; tar -xzOf {shlex.quote(str(path))} {name} > {own}). Nothing was restored."
        )
    return manifest, elsewhere


def _require_known(manifest: Manifest, urls: Mapping[str, URL]) -> None:
    if sorted(each.service for each in manifest.databases) != sorted(SERVICES):
        raise BackupError(f"The backup does not hold the databases of {', '.join(SERVICES)}; another release made it.")
    buckets = {bucket for name in SERVICES for bucket in service_of(name).buckets}
    strange = [entry.name for entry in manifest.files if bucket_of(entry.name) not in {None, *buckets}]
    if strange:
        raise BackupError(f"The backup holds an object of no bucket of this release: {strange[0]}.")
    for each in manifest.databases:
        if each.revision not in revisions(service_of(each.service).package):
            raise BackupError(
                f"The backup's database of {each.service} has schema {each.revision}, which this release does not "
                f"know: Skyulf {manifest.version} made it. Install that release or a newer one."
            )
        kind = urls[each.service].get_backend_name()
        if kind != each.dialect:
            raise BackupError(
                f"The backup's database of {each.service} is of {each.dialect}, the settings name one of {kind}: "
                "restore into the form that it was made of."
            )


async def _unpacked(path: Path, staging: Path, manifest: Manifest, shared: SharedSettings, watcher: Watcher) -> None:
    """Objects into their stores, where they harm nobody; everything else into a folder beside its place."""
    await asyncio.to_thread(_make_empty, staging)
    listed = {entry.name: entry for entry in manifest.files}
    told, stores = watcher.begin("restoring", manifest.size), dict[str, ObjectStore]()
    # each bucket with its owner's account: one that all share need not exist
    owners = {bucket: service_of(name).settings().shared for name in SERVICES for bucket in service_of(name).buckets}
    members = archive.files(path)
    while (member := await asyncio.to_thread(next, members, None)) is not None:
        name, _, file = member
        if name.startswith(f"{OBJECTS}/"):
            _, bucket, key = name.split("/", 2)
            if bucket not in stores:
                stores[bucket] = object_store(owners.get(bucket, shared), bucket)
                await stores[bucket].ensure_bucket()
            await stores[bucket].put_stream(key, _chunks(file, told), sha256=listed[name].sha256)
        else:
            await asyncio.to_thread(_write, staging / name, file, listed[name], told)
    for store in stores.values():
        await store.close()


def _make_empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)


async def _chunks(file: IO[bytes], told: Told) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        told(len(chunk))
        yield chunk


def _write(path: Path, file: IO[bytes], entry: Entry, told: Told) -> None:
    digest = hashlib.sha256()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        with path.open("wb") as target:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                target.write(chunk)
                told(len(chunk))
    except OSError as error:
        raise BackupError(f"{path} cannot be written ({error.strerror}); nothing was restored.") from error
    if digest.hexdigest() != entry.sha256:
        raise BackupError(f"The backup was changed while it was read ({entry.name}); nothing of it was put in place.")
