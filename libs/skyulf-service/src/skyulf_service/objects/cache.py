"""A disk cache of verified blobs, bounded in bytes, that several processes may share."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from skyulf_service.objects.blobs import Blobs, StoredBlob
from skyulf_service.objects.files import digest_file, write_stream
from skyulf_service.objects.store import StreamCheck

_STALE_SECONDS = 3600.0


class BlobCache:
    """Local copies of blobs, the least recently used removed first.

    Every file is verified before its first use in a process, since it may have been damaged before the start.
    Files used in the last ``grace`` seconds are kept even beyond ``max_bytes``: somebody may be opening them.
    """

    def __init__(self, folder: Path, max_bytes: int, *, grace: float = 30.0) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._grace = grace
        self._verified: dict[str, tuple[int, int, int]] = {}
        self._running: dict[tuple[str, bool], asyncio.Task[Path]] = {}

    async def holds(self, ref: StoredBlob) -> bool:
        """Whether there is a local copy, undamaged."""
        return await asyncio.to_thread(self._usable, self._path(ref), ref)

    async def get(self, blobs: Blobs, ref: StoredBlob, *, afresh: bool = False) -> Path:
        """Return a local file with the blob's bytes; read-only for the caller. Concurrent callers share one fetch.

        With ``afresh`` the blob is fetched even where there is a copy, which says whether it is whole in its store.
        """
        single = ref.sha256, afresh
        task = self._running.get(single)
        if task is None:
            task = asyncio.create_task(self._get(blobs, ref, afresh), name=f"blob {ref.sha256[:12]}")
            self._running[single] = task
            task.add_done_callback(lambda done: self._finished(single, done))
        return await asyncio.shield(task)  # a caller that gives up must not fail the others

    async def keep(self, ref: StoredBlob, data: bytes) -> None:
        """Keep a blob whose bytes somebody has fetched already. Raises `DigestMismatchError` where they are others."""
        path = self._path(ref)
        await write_stream(path, _all_at_once(data), StreamCheck(sha256=ref.sha256), name=ref.key)
        await self._take(path, ref)

    async def stage(self, blobs: Blobs, ref: StoredBlob, target: Path) -> Path:
        """Place the blob at ``target``, as a hard link where possible, so that eviction cannot take it away."""
        source = await self.get(blobs, ref)
        try:
            await asyncio.to_thread(_link_or_copy, source, target)
        except FileNotFoundError:  # evicted by another process between the two lines above
            await blobs.fetch(ref, target)
        return target

    def _finished(self, single: tuple[str, bool], task: asyncio.Task[Path]) -> None:
        del self._running[single]
        if not task.cancelled():
            task.exception()  # looked at, even when every caller has given up

    def _path(self, ref: StoredBlob) -> Path:
        return self._folder / ref.sha256[:2] / ref.sha256

    async def _get(self, blobs: Blobs, ref: StoredBlob, afresh: bool) -> Path:
        path = self._path(ref)
        if afresh or not await asyncio.to_thread(self._usable, path, ref):
            await blobs.fetch(ref, path)
            await self._take(path, ref)
        return path

    async def _take(self, path: Path, ref: StoredBlob) -> None:
        await asyncio.to_thread(self._accept, path, ref.sha256)
        await asyncio.to_thread(self._evict)

    def _usable(self, path: Path, ref: StoredBlob) -> bool:
        try:
            stamp = _stamp(path)
            if self._verified.get(ref.sha256) != stamp:
                if digest_file(path).sha256 != ref.sha256:
                    path.unlink(missing_ok=True)
                    return False
                self._verified[ref.sha256] = stamp
            os.utime(path, ns=(time.time_ns(), stamp[2]))  # the access time orders eviction
        except FileNotFoundError:
            return False
        return True

    def _accept(self, path: Path, sha256: str) -> None:
        path.chmod(0o440)
        self._verified[sha256] = _stamp(path)

    def _evict(self) -> None:
        now = time.time()
        entries = []
        for path in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):
                status = path.stat()
                if path.name.startswith(".") and status.st_mtime > now - _STALE_SECONDS:
                    continue  # another process is writing it
                entries.append((status.st_atime, status.st_size, path))
        total = sum(size for _, size, _ in entries)
        for used, size, path in sorted(entries):
            if total <= self._max_bytes or used > now - self._grace:
                break
            path.unlink(missing_ok=True)
            self._verified.pop(path.name, None)
            total -= size


async def _all_at_once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _stamp(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _link_or_copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
