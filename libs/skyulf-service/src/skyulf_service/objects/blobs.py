"""Blobs: immutable objects named by the SHA-256 of their bytes, and verified whenever they are read."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from skyulf_service.objects.errors import DigestMismatchError, file_errors
from skyulf_service.objects.files import digest_file
from skyulf_service.objects.store import ObjectStore, StreamCheck

PREFIX = "blobs/sha256/"


class StoredBlob(Protocol):
    """Anything that points at immutable bytes: a `BlobRef`, or an event's reference to an object."""

    @property
    def key(self) -> str:
        """Where the bytes are."""
        ...

    @property
    def sha256(self) -> str:
        """What the bytes must be (hex)."""
        ...

    @property
    def size(self) -> int:
        """How many bytes there are."""
        ...


@dataclass(frozen=True, slots=True)
class BlobRef:
    """A blob: digest (hex), bytes, and the key that follows from the digest."""

    sha256: str
    size: int
    key: str

    @classmethod
    def of(cls, sha256: str, size: int) -> "BlobRef":
        """The reference to the blob with this digest."""
        return cls(sha256=sha256, size=size, key=f"{PREFIX}{sha256[:2]}/{sha256}")


class Blobs:
    """The blobs of one store: what is handed out has the digest that was asked for, else `DigestMismatchError`."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    async def put_file(self, path: Path) -> BlobRef:
        """Store a local file. It is hashed again while it is copied: a file that changes meanwhile is refused."""
        with file_errors(path.name):
            found = await asyncio.to_thread(digest_file, path)
        ref = BlobRef.of(found.sha256, found.size)
        # written even when it is there: this repairs a damaged blob, and races no collector
        await self.store.put_file(ref.key, path, sha256=ref.sha256)
        return ref

    async def put_bytes(self, data: bytes) -> BlobRef:
        """Store some bytes."""
        ref = BlobRef.of(hashlib.sha256(data).hexdigest(), len(data))
        await self.store.put_bytes(ref.key, data)
        return ref

    async def fetch(self, ref: StoredBlob, path: Path) -> None:
        """Copy a blob to a local file that appears verified or not at all."""
        await self.store.fetch(ref.key, path, sha256=ref.sha256)

    async def get_bytes(self, ref: StoredBlob) -> bytes:
        """Return a small blob's verified bytes."""
        data = await self.store.get_bytes(ref.key, max_bytes=ref.size)
        found = hashlib.sha256(data).hexdigest()
        if found != ref.sha256:
            raise DigestMismatchError(f"The bytes of {ref.key!r} have the digest {found}, not {ref.sha256}.")
        return data

    async def open_stream(self, ref: StoredBlob) -> AsyncGenerator[bytes, None]:
        """Read a blob in chunks; a wrong digest raises after the last of them, so commit nothing before the end."""
        check = StreamCheck(sha256=ref.sha256)
        async with aclosing(self.store.open_stream(ref.key)) as chunks:
            async for chunk in chunks:
                check.update(chunk)
                yield chunk
        check.finish(ref.key)

    async def exists(self, ref: StoredBlob) -> bool:
        """Whether an object of the right size lies under the key (its bytes are verified when read)."""
        found = await self.store.stat(ref.key)
        return found is not None and found.size == ref.size

    async def delete(self, ref: StoredBlob) -> None:
        """Remove a blob that nothing refers to any more."""
        await self.store.delete(ref.key)
