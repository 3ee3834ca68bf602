"""Removing objects that nothing refers to: what a commit has let go of soon, what a crash has left after a while."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Protocol

import structlog

from skyulf_service.ids import utc_now
from skyulf_service.objects.store import ObjectStat, ObjectStore

_log = structlog.get_logger(__name__)
_BATCH = 200
ANY = "*"  # no key holds it, so it marks a name as the beginning of keys

Referenced = Callable[[Collection[str]], Awaitable[Collection[str]]]
Paused = Callable[[], Awaitable[bool]]


async def never() -> bool:
    """Nobody asks the collector to wait."""
    return False


class Leftovers(Protocol):
    """Names that the owner's transactions have let go of: keys, or with a last ``*`` the beginning of keys."""

    async def due(self, limit: int) -> Sequence[str]:
        """The oldest names."""
        ...

    async def done(self, names: Collection[str]) -> None:
        """Forget names whose objects are gone."""
        ...


async def clear(store: ObjectStore, leftovers: Leftovers, referenced: Referenced, *, paused: Paused = never) -> int:
    """Remove the objects of all leftovers but those that something still refers to; returns how many names there were.

    A name is forgotten after its objects are gone, so a crash only means that they are removed again. Several
    processes may do this at once, as long as no key is ever written again after it was let go of.

    While ``paused``, for a backup, names only gather. It is asked after the names were read: what they name was let go
    of before a backup that begins later looks at the database, so that no object is missing there.
    """
    total = 0
    while names := await leftovers.due(_BATCH):
        if await paused():
            return total
        keys = [key for name in names for key in await _named(store, name)]
        kept = set(await referenced(keys)) if keys else set()
        for key in keys:
            if key not in kept:
                await store.delete(key)
        await leftovers.done(names)
        total += len(names)
    return total


async def collect_orphans(
    store: ObjectStore, referenced: Referenced, *, grace: timedelta, paused: Paused = never
) -> int:
    """Remove objects that nothing refers to and that nobody has written for longer than ``grace``; returns how many.

    ``grace`` is longer than any writer takes from its first object to the commit that refers to it.
    """
    total, batch = 0, list[ObjectStat]()
    before = utc_now() - grace
    async for found in store.list():
        if found.modified < before:
            batch.append(found)
        if len(batch) == _BATCH:
            total += await _collect(store, referenced, batch, paused)
            batch = []
    total += await _collect(store, referenced, batch, paused)
    if total:
        _log.info("objects.orphans_removed", bucket=store.bucket, count=total)
    return total


async def _collect(store: ObjectStore, referenced: Referenced, batch: Sequence[ObjectStat], paused: Paused) -> int:
    kept = set(await referenced([found.key for found in batch])) if batch else set()
    if not batch or await paused():
        return 0
    gone = 0
    for found in batch:
        if found.key in kept:
            continue
        now = await store.stat(found.key)
        if now is not None and now.modified == found.modified:  # else somebody has written the same blob meanwhile
            await store.delete(found.key)
            gone += 1
    return gone


async def _named(store: ObjectStore, name: str) -> list[str]:
    if name.endswith(ANY):
        return [found.key async for found in store.list(name.removesuffix(ANY))]
    return [name]
