"""The file of a project: a zip whose members are stored as they are, and a manifest of their SHA-256.

It is not compressed, so its members are never larger than itself, whatever somebody has made of it.
"""

import hashlib
import json
import os
import re
import secrets
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from pydantic import BaseModel, ValidationError
from skyulf_service.durable import sync_folder

from skyulf_standalone.moving.errors import DamagedFileError, MovingError
from skyulf_standalone.moving.records import FORMAT, MANIFEST, PROJECT, Entry, Manifest, ProjectRecord

M = TypeVar("M", bound=BaseModel)
CHUNK = 1 << 20
MOST_MEMBERS = 100_000
MOST_DOCUMENT = 64 << 20
PRIVATE = 0o600
_ENCRYPTED = 0x1
_MEMBER = re.compile(r"project\.json|datasets/[0-9a-f-]{36}|models/[a-z0-9][a-z0-9._-]{0,62}/[0-9]{1,9}\.tar")


class Writer:
    """Writes a file beside its name, and gives it the name when it is whole; what has the name already stays."""

    def __init__(self, path: Path) -> None:
        if not path.name:
            raise MovingError(f"'{path}' names no file: say where to write.")
        self._path = path
        # a name of its own: two that write the same file at once would give it to what only one has finished
        self._unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}.unfinished")
        self._entries: list[Entry] = []

    def __enter__(self) -> Self:
        if self._path.exists():
            raise MovingError(f"{self._path} exists already; name another file.")
        try:
            descriptor = os.open(self._unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        except OSError as error:
            raise MovingError(f"{self._path} cannot be written: {error.strerror}.") from error
        self._file = os.fdopen(descriptor, "wb")
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, ValueError):
            self._zip.close()  # else it complains when it is collected
        with suppress(OSError):  # a full disk was said already
            self._file.close()
        self._unfinished.unlink(missing_ok=True)

    def add(self, name: str, path: Path, *, sha256: str | None = None) -> None:
        """Append a local file; other bytes than ``sha256`` names are refused."""
        digest, size = hashlib.sha256(), 0
        with self._writing(), path.open("rb") as source, self._zip.open(name, "w", force_zip64=True) as target:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        found = digest.hexdigest()
        if sha256 is not None and found != sha256:
            raise MovingError(f"{name} did not come whole: its SHA-256 is {found}, not {sha256}; try again.")
        self._entries.append(Entry(name=name, size=size, sha256=found))

    def finish(self, project: ProjectRecord, manifest: Manifest) -> Manifest:
        """Append what is said of the project and the manifest, put everything on disk, and give the file its name."""
        said = project.model_dump_json().encode()
        own = Entry(name=PROJECT, size=len(said), sha256=hashlib.sha256(said).hexdigest())
        whole = manifest.model_copy(update={"files": [*self._entries, own]})
        with self._writing():
            self._zip.writestr(PROJECT, said)
            self._zip.writestr(MANIFEST, whole.model_dump_json(indent=1))
            self._zip.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            os.link(self._unfinished, self._path)  # unlike a rename, this replaces nothing
            self._unfinished.unlink()
            sync_folder(self._path.parent)  # or a power cut takes the name of what was said to be written
        return whole

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MovingError(f"{self._path} cannot be written: {error.strerror or error}.") from error


class Reader:
    """Reads a file that was found whole: `verified` makes one."""

    def __init__(self, path: Path, opened: zipfile.ZipFile, manifest: Manifest) -> None:
        self._path, self._zip = path, opened
        self.manifest = manifest
        self._entries = {entry.name: entry for entry in manifest.files}
        self.project = _document(path, ProjectRecord, _read(path, opened, PROJECT))
        self._require_members()

    def extract(self, name: str, target: Path) -> None:
        """Copy a member into a local file. It is hashed again: the file may have been changed since."""
        digest = hashlib.sha256()
        with _damage(self._path), self._zip.open(name) as source, target.open("wb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != self._entries[name].sha256:
            raise DamagedFileError(f"{self._path} was changed while it was imported ({name}).")

    def _require_members(self) -> None:
        named = [dataset.file for dataset in self.project.datasets]
        named += [version.pack for model in self.project.models for version in model.versions]
        for name in named:
            if name not in self._entries or name == PROJECT:
                raise DamagedFileError(f"{self._path} is damaged: it names {name!r}, which is not in it.")


@contextmanager
def verified(path: Path) -> Iterator[Reader]:
    """Read a file from end to end, and open it. Raises `DamagedFileError` unless every byte is right."""
    with _damage(path):
        opened = zipfile.ZipFile(path)
    with opened:
        with _damage(path):
            reader = _checked(path, opened)
        yield reader  # what goes wrong from here on is no damage


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise MovingError(f"There is no file {path}.") from None
    except OSError as error:
        raise MovingError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError, ValueError) as error:
        raise DamagedFileError(f"{path} is no whole export of a project: {error}.") from error


def _checked(path: Path, opened: zipfile.ZipFile) -> Reader:
    _require_harmless(path, opened)
    manifest = _manifest(path, opened)
    found = {name: _hashed(opened, name) for name in opened.namelist() if name != MANIFEST}
    listed = {entry.name: entry for entry in manifest.files}
    wrong = sorted(name for name in listed.keys() | found.keys() if listed.get(name) != found.get(name))
    if wrong:
        raise DamagedFileError(f"{path} is damaged: {', '.join(wrong[:5])} is not what its manifest says.")
    return Reader(path, opened, manifest)


def _require_harmless(path: Path, opened: zipfile.ZipFile) -> None:
    """Refuse what no export has: odd names, members twice, compressed ones, more bytes than the file has."""
    members = opened.infolist()
    if len(members) > MOST_MEMBERS:
        raise DamagedFileError(f"{path} is no export of a project: it has {len(members)} members.")
    seen: set[str] = set()
    for member in members:
        if member.filename in seen or not (member.filename == MANIFEST or _MEMBER.fullmatch(member.filename)):
            raise DamagedFileError(f"{path} is no export of a project: {member.filename!r} does not belong there.")
        plain = member.compress_type == zipfile.ZIP_STORED and member.compress_size == member.file_size
        if not plain or member.flag_bits & _ENCRYPTED:
            raise DamagedFileError(
                f"{path} is no export of a project: {member.filename!r} is compressed or encrypted, and exports store "
                "their members as they are."
            )
        seen.add(member.filename)
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise DamagedFileError(f"{path} is no export of a project: its members are larger than itself.")


def _manifest(path: Path, opened: zipfile.ZipFile) -> Manifest:
    if MANIFEST not in opened.namelist():
        raise DamagedFileError(f"{path} is no whole export of a project: it has no {MANIFEST}.")
    data = _read(path, opened, MANIFEST)
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(f"{path} is damaged: its {MANIFEST} cannot be read.") from error
    told = said.get("format") if isinstance(said, dict) else None
    if told != FORMAT:
        by = f" by Skyulf {said['version']}" if isinstance(said, dict) and "version" in said else ""
        raise MovingError(
            f"{path} is of the format {told!r}{by}, and this release reads {FORMAT}: import it with a newer release."
        )
    return _document(path, Manifest, data)


def _document(path: Path, kind: type[M], data: bytes) -> M:
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(map(str, first["loc"]))
        raise DamagedFileError(f"{path} is damaged: what it says at {where!r} cannot be ({first['msg']}).") from error


def _read(path: Path, opened: zipfile.ZipFile, name: str) -> bytes:
    try:
        size = opened.getinfo(name).file_size
    except KeyError:
        raise DamagedFileError(f"{path} is no whole export of a project: it has no {name}.") from None
    if size > MOST_DOCUMENT:
        raise DamagedFileError(f"{path} is no export of a project: its {name} has {size} bytes.")
    return opened.read(name)


def _hashed(opened: zipfile.ZipFile, name: str) -> Entry:
    digest, size = hashlib.sha256(), 0
    with opened.open(name) as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return Entry(name=name, size=size, sha256=digest.hexdigest())
