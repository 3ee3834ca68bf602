"""Objects in a folder, for the embedded form."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from pathlib import Path

from skyulf_service.durable import make_folder
from skyulf_service.errors import TooLargeError
from skyulf_service.objects.errors import ObjectExistsError, ObjectNotFoundError, file_errors
from skyulf_service.objects.files import PendingFile, read_file, write_stream
from skyulf_service.objects.store import ObjectStat, StoredObject, StreamCheck, check_key

_STALE_SECONDS = 24 * 3600


class FolderStore:
    """A bucket as a folder: one file per key. Unfinished files lie aside until they are complete and on disk."""

    def __init__(self, root: Path, bucket: str = "") -> None:
        self._bucket = bucket or root.name
        self._root = root / bucket if bucket else root
        self._aside = self._root / ".unfinished"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._bucket

    async def put_file(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        """Copy a local file into the store."""
        async with aclosing(read_file(path)) as chunks:
            return await self.put_stream(key, chunks, sha256=sha256)

    async def put_bytes(self, key: str, data: bytes, *, create_only: bool = False) -> StoredObject:
        """Store some bytes; ``create_only`` refuses to replace."""
        target = self._path(key)
        check = StreamCheck()
        check.update(data)
        with file_errors(key):
            try:
                await asyncio.to_thread(self._write, target, data, create_only)
            except FileExistsError:
                raise ObjectExistsError(f"There is an object {key!r} already.") from None
        return check.finish(key)

    async def put_stream(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int | None = None, sha256: str | None = None
    ) -> StoredObject:
        """Store a stream; the object appears once the last chunk is on disk and the digest is right."""
        check = StreamCheck(max_bytes=max_bytes, sha256=sha256)
        return await write_stream(self._path(key), chunks, check, name=key, aside=self._aside)

    async def get_bytes(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """Return an object's bytes."""
        with file_errors(key):
            return await asyncio.to_thread(_read, self._path(key), max_bytes)

    async def fetch(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        """Copy an object to a local file."""
        async with aclosing(self.open_stream(key)) as chunks:
            return await write_stream(path, chunks, StreamCheck(sha256=sha256), name=key)

    async def open_stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """Read an object in chunks."""
        with file_errors(key):
            async with aclosing(read_file(self._path(key))) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def stat(self, key: str) -> ObjectStat | None:
        """Describe an object."""
        try:
            with file_errors(key):
                return await asyncio.to_thread(_stat, key, self._path(key))
        except ObjectNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        with file_errors(key):
            await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectStat]:
        """The objects in the order of their keys."""
        for found in await asyncio.to_thread(self._scan, prefix):
            yield found

    async def ensure_bucket(self) -> None:
        """Create the folder, and remove what writers that died a day ago left unfinished."""
        with file_errors(self._bucket):
            await asyncio.to_thread(self._tidy)

    async def ping(self) -> None:
        """Raise `UnavailableError` unless the folder can be written to."""
        with file_errors(self._bucket):
            await asyncio.to_thread(self._probe)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _write(self, target: Path, data: bytes, create_only: bool) -> None:
        pending = PendingFile(target, self._aside)
        try:
            pending.write(data)
            pending.commit(create_only=create_only)
        except BaseException:
            pending.discard()
            raise

    def _scan(self, prefix: str) -> Sequence[ObjectStat]:
        folder = self._root / prefix.rpartition("/")[0]
        found = []
        for path in folder.rglob("*") if folder.is_dir() else ():
            key = path.relative_to(self._root).as_posix()
            with suppress(FileNotFoundError, ObjectNotFoundError):  # deleted while we look
                if key.startswith(prefix) and not path.is_relative_to(self._aside) and path.is_file():
                    found.append(_stat(key, path))
        return sorted(found, key=lambda entry: entry.key)

    def _tidy(self) -> None:
        make_folder(self._aside)
        for path in self._aside.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                    path.unlink()

    def _probe(self) -> None:
        pending = PendingFile(self._root / ".probe", self._aside)
        pending.discard()


def _stat(key: str, path: Path) -> ObjectStat:
    status = path.stat()
    if path.is_dir():
        raise ObjectNotFoundError(f"There is no object {key!r}.")
    return ObjectStat(key=key, size=status.st_size, modified=datetime.fromtimestamp(status.st_mtime, UTC))


def _read(path: Path, max_bytes: int | None) -> bytes:
    with open(path, "rb") as file:
        data = file.read() if max_bytes is None else file.read(max_bytes + 1)
    if max_bytes is not None and len(data) > max_bytes:
        raise TooLargeError(f"The object is larger than {max_bytes} bytes.")
    return data
