"""The file of a backup: a tar with gzip that appears whole or not at all, and is read only after it was verified."""

import gzip
import hashlib
import io
import os
import secrets
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from pydantic import ValidationError
from skyulf_service.durable import sync_folder

from skyulf_standalone.backup.errors import BackupError, DamagedArchiveError
from skyulf_standalone.backup.manifest import NAME, Entry, Manifest, contradiction, is_member

CHUNK = 1 << 20
MOST_MANIFEST = 512 << 20
PRIVATE = 0o600  # it holds the private keys
Told = Callable[[int], None]
"""Is told of bytes that went by."""


def untold(_size: int) -> None:
    """Nobody looks."""


class ArchiveWriter:
    """Writes a backup beside its name, and gives it the name at the end: ``with ArchiveWriter(path) as archive``.

    Leaving the block without `finish` leaves nothing. An existing file is never replaced.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise BackupError(f"{path} exists already; a backup replaces no file.")
        self._path = path
        self._unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}.unfinished")
        self._entries: list[Entry] = []

    def __enter__(self) -> Self:
        try:
            descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        except OSError as error:
            raise BackupError(f"{self._path} cannot be written: {error.strerror}.") from error
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        # most bytes are Parquet and databases: a low level is as good as a high one, and three times as fast
        self._tar = tarfile.open(fileobj=self._file, mode="w:gz", compresslevel=3, format=tarfile.PAX_FORMAT)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk was said already
            self._file.close()
        self._unfinished.unlink(missing_ok=True)

    @property
    def entries(self) -> list[Entry]:
        """The files so far."""
        return list(self._entries)

    def add(self, name: str, source: IO[bytes], size: int, *, sha256: str | None = None, told: Told = untold) -> None:
        """Append a file of so many bytes; other bytes than ``sha256`` names are refused."""
        if not is_member(name):
            raise BackupError(
                f"The name {name!r} cannot be kept in a backup (control characters, not UTF-8, or too long): rename it."
            )
        reader = _Hashing(source, told)
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, PRIVATE
        try:
            self._tar.addfile(info, reader)
        except OSError as error:
            raise BackupError(f"{self._path} cannot be written, or {name} not be read whole: {error}.") from error
        found = reader.digest()
        if sha256 is not None and found != sha256:
            raise BackupError(f"The bytes of {name} are damaged: their digest is {found}, not {sha256}.")
        self._entries.append(Entry(name=name, size=size, sha256=found))

    def add_file(self, name: str, path: Path, *, sha256: str | None = None, told: Told = untold) -> None:
        """Append a local file."""
        with path.open("rb") as file:
            self.add(name, file, os.fstat(file.fileno()).st_size, sha256=sha256, told=told)

    def finish(self, manifest: Manifest) -> None:
        """Append the manifest, put everything on disk, and only then give the file its name."""
        data = manifest.model_dump_json(indent=1).encode()
        info = tarfile.TarInfo(NAME)
        info.size, info.mode = len(data), PRIVATE
        try:
            self._tar.addfile(info, io.BytesIO(data))
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            os.link(self._unfinished, self._path)  # unlike a rename, this replaces nothing
            self._unfinished.unlink()
            sync_folder(self._path.parent)  # or a power cut takes the name of what was said to be written
        except OSError as error:
            raise BackupError(f"{self._path} cannot be written: {error.strerror}.") from error


def verified(path: Path, told: Told = untold, *, copies: Mapping[str, IO[bytes]] | None = None) -> Manifest:
    """Read a backup from end to end, and return its manifest; `DamagedArchiveError` unless every byte is right.

    Files that ``copies`` names are written there on the way.
    """
    found: dict[str, Entry] = {}
    manifest: Manifest | None = None
    with damage(path):
        for name, size, file in _members(path):
            if manifest is not None or (name != NAME and not is_member(name)) or name in found:
                raise DamagedArchiveError(f"{path} is no backup of Skyulf: {name!r} does not belong there.")
            if name == NAME:
                manifest = _manifest(path, file, size)
                continue
            reader = _Hashing(file, told)
            copy = (copies or {}).get(name)
            while chunk := reader.read(CHUNK):
                if copy is not None:
                    copy.write(chunk)
            found[name] = Entry(name=name, size=size, sha256=reader.digest())
    if manifest is None:
        raise DamagedArchiveError(f"{path} is no whole backup of Skyulf: its end is missing.")
    listed = {entry.name: entry for entry in manifest.files}
    wrong = sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name))
    if wrong:
        raise DamagedArchiveError(f"{path} is damaged: {', '.join(wrong[:5])} is not what its manifest says.")
    if (wrong_with_it := contradiction(manifest)) is not None:
        raise DamagedArchiveError(f"{path} is no backup of Skyulf: {wrong_with_it}.")
    return manifest


def files(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    """The files of a backup that was `verified`: name, size, and the bytes, to be read before the next one.

    Read them inside of `damage`.
    """
    for name, size, file in _members(path):
        if name != NAME:
            yield name, size, file


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Say of a backup that cannot be read, or not to its end, that it is damaged."""
    try:
        yield
    except FileNotFoundError:
        raise BackupError(f"There is no file {path}.") from None
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise DamagedArchiveError(f"{path} is no whole backup of Skyulf: {error}.") from error


def _members(path: Path) -> Iterator[tuple[str, int, IO[bytes]]]:
    with gzip.open(path) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r|") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                if file is None:
                    raise DamagedArchiveError(f"{path} is no backup of Skyulf: {member.name!r} is no file.")
                yield member.name, member.size, file
        while unpacked.read(CHUNK):  # to its end, where the checksum is
            pass


def _manifest(path: Path, file: IO[bytes], size: int) -> Manifest:
    if size > MOST_MANIFEST:
        raise DamagedArchiveError(f"{path} is no backup of Skyulf: its manifest has {size} bytes.")
    try:
        return Manifest.model_validate_json(file.read())
    except ValidationError as error:
        raise DamagedArchiveError(
            f"{path} cannot be read by this release: {error.errors()[0]['msg']} ({error.errors()[0]['loc']})."
        ) from error


class _Hashing(io.RawIOBase):
    """Hashes what is read through it."""

    def __init__(self, source: IO[bytes], told: Told) -> None:
        self._source, self._told, self._hash = source, told, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read, and take notice."""
        data = self._source.read(size)
        self._hash.update(data)
        self._told(len(data))
        return data

    def digest(self) -> str:
        """The digest of all that was read."""
        return self._hash.hexdigest()
