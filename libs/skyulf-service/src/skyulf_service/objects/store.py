"""The port of object stores: what services may ask of a folder or an S3 bucket, and how keys look."""

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from skyulf_service.errors import TooLargeError
from skyulf_service.objects.errors import DigestMismatchError, InvalidKeyError

CHUNK = 1024 * 1024
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=@+,~-]{0,200}(/[A-Za-z0-9_][A-Za-z0-9_.=@+,~-]{0,200})*")
_MAX_KEY = 900


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """An object as a listing shows it. ``size`` is in bytes."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What was stored or copied: bytes and the SHA-256 (hex) that was computed on the way."""

    size: int
    sha256: str


class ObjectStore(Protocol):
    """Objects of one bucket. An object is visible as a whole or not at all; a put replaces what was there.

    Every method raises `UnavailableError` while the store is away, `StorageFullError` when it has no room,
    and `InvalidKeyError` for a key that is absolute, climbs up or holds other than plain characters.
    """

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        ...

    async def put_file(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        """Store a local file. With ``sha256``, other bytes are refused with `DigestMismatchError`."""
        ...

    async def put_bytes(self, key: str, data: bytes, *, create_only: bool = False) -> StoredObject:
        """Store some bytes; with ``create_only`` an existing object raises `ObjectExistsError`."""
        ...

    async def put_stream(
        self, key: str, chunks: AsyncIterator[bytes], *, max_bytes: int | None = None, sha256: str | None = None
    ) -> StoredObject:
        """Store a stream of unknown length; beyond ``max_bytes`` `TooLargeError`. A cut stream leaves nothing."""
        ...

    async def get_bytes(self, key: str, *, max_bytes: int | None = None) -> bytes:
        """Return a small object's bytes, or raise `ObjectNotFoundError`; beyond ``max_bytes`` `TooLargeError`."""
        ...

    async def fetch(self, key: str, path: Path, *, sha256: str | None = None) -> StoredObject:
        """Copy an object to a local file, which appears whole (and, with ``sha256``, verified) or not at all."""
        ...

    def open_stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """Read an object in chunks of about 1 MiB; a missing one raises `ObjectNotFoundError` at the first."""
        ...

    async def stat(self, key: str) -> ObjectStat | None:
        """Describe an object, or return None when there is none."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; removing a missing one is not an error."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectStat]:
        """All objects whose key starts with the prefix, in the order of their keys."""
        ...

    async def ensure_bucket(self) -> None:
        """Create the bucket where it is missing."""
        ...

    async def ping(self) -> None:
        """Raise `UnavailableError` unless the bucket answers."""
        ...

    async def close(self) -> None:
        """Let go of threads and connections."""
        ...


class StreamCheck:
    """Counts and hashes a stream on its way, and refuses what is too long or not what was promised."""

    def __init__(self, *, max_bytes: int | None = None, sha256: str | None = None) -> None:
        self._hash = hashlib.sha256()
        self._max_bytes = max_bytes
        self._expected = sha256
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Take the next chunk, or raise `TooLargeError`. (Hashing a mebibyte takes under a millisecond.)"""
        self.size += len(chunk)
        if self._max_bytes is not None and self.size > self._max_bytes:
            raise TooLargeError(f"The content is larger than {self._max_bytes} bytes.")
        self._hash.update(chunk)

    def finish(self, name: str) -> StoredObject:
        """Return size and digest, or raise `DigestMismatchError`."""
        found = self._hash.hexdigest()
        if self._expected is not None and found != self._expected:
            raise DigestMismatchError(f"The bytes of {name!r} have the digest {found}, not {self._expected}.")
        return StoredObject(size=self.size, sha256=found)


def is_key(key: str) -> bool:
    """Whether an object may have this key."""
    return len(key) <= _MAX_KEY and bool(_KEY.fullmatch(key))


def check_key(key: str) -> str:
    """Return the key unchanged, or raise `InvalidKeyError`."""
    if not is_key(key):
        raise InvalidKeyError("An object's key is made of plain segments separated by single slashes.")
    return key
