"""Local files that appear whole or not at all."""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path

from skyulf_service.durable import make_folder, sync_folder
from skyulf_service.objects.errors import file_errors
from skyulf_service.objects.store import CHUNK, StoredObject, StreamCheck


class PendingFile:
    """A file that replaces ``target`` when it is committed, and of which nothing is left when it is discarded.

    ``aside`` is a folder on the same file system that holds the unfinished file. The methods block.
    """

    def __init__(self, target: Path, aside: Path) -> None:
        self._target = target
        make_folder(aside)
        self._unfinished = aside / f".{secrets.token_hex(12)}.unfinished"
        self._file = open(self._unfinished, "xb")  # noqa: SIM115 - closed by commit or discard

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._file.write(chunk)

    def commit(self, *, create_only: bool = False) -> None:
        """Put the bytes on disk first and the name second: a power cut leaves the old file or the new one."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        make_folder(self._target.parent)
        if create_only:
            os.link(self._unfinished, self._target)  # unlike replace, link refuses to overwrite
            self._unfinished.unlink()
        else:
            os.replace(self._unfinished, self._target)
        sync_folder(self._target.parent)

    def discard(self) -> None:
        """Forget the bytes; a no-op after commit."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._unfinished.unlink()


async def write_stream(
    target: Path, chunks: AsyncIterator[bytes], check: StreamCheck, *, name: str, aside: Path | None = None
) -> StoredObject:
    """Write a stream to a file that appears when it is complete, checked and on disk. ``name`` is for errors."""
    with file_errors(name):
        pending = await asyncio.to_thread(PendingFile, target, aside or target.parent)
    try:
        async for chunk in chunks:
            check.update(chunk)
            with file_errors(name):
                await asyncio.to_thread(pending.write, chunk)
        stored = check.finish(name)
        with file_errors(name):
            await asyncio.to_thread(pending.commit)
    except BaseException:
        pending.discard()
        raise
    return stored


async def read_file(path: Path) -> AsyncGenerator[bytes, None]:
    """Read a local file in chunks, without blocking the event loop."""
    file = await asyncio.to_thread(open, path, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
    finally:
        file.close()


def digest_file(path: Path) -> StoredObject:
    """Hash a local file; blocks, so call it in a thread."""
    check = StreamCheck()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            check.update(chunk)
    return check.finish(path.name)
