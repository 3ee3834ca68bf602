"""The table of contents of a backup: what it was made of, and the SHA-256 of every file in it."""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from skyulf_service.objects.store import is_key
from skyulf_service.settings import Form

NAME = "manifest.json"
Dialect = Literal["sqlite", "postgresql"]
# folders of the archive; what is below `home` lies directly in the data folder
DATABASES, OBJECTS, KEYS, HOME = "databases", "objects", "keys", "home"
# beside databases, objects and keys: settings, the key of the `skyulf` command, files that nodes may read
SETTINGS = "skyulf.toml"
HOME_FILES = ("credentials.json", SETTINGS)
HOME_FOLDERS = ("files",)
_DATABASE = re.compile(r"[a-z]+\.(sqlite3|dump)")
_KEY = re.compile(r"[a-z0-9][a-z0-9._-]{0,80}\.(key|pub)")
MOST_NAME_BYTES = 255
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")


class Entry(BaseModel):
    """A file of the archive."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class DatabaseEntry(BaseModel):
    """A service's database: its file in the archive, and the schema that it has."""

    model_config = ConfigDict(frozen=True)

    service: str
    dialect: Dialect
    revision: str
    file: str


class Manifest(BaseModel):
    """What a backup holds. ``moment`` is when all databases were as they are in it."""

    model_config = ConfigDict(frozen=True)

    format: Literal["skyulf.backup/1"] = "skyulf.backup/1"
    version: str
    form: Form
    moment: datetime
    databases: list[DatabaseEntry]
    files: list[Entry]

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.size for entry in self.files)


def is_member(name: str) -> bool:
    """Whether a file of the archive may have this name; none leads out of its folder, or to what is no part of it."""
    folder, _, inside = name.partition("/")
    match folder:
        case "databases":
            return bool(_DATABASE.fullmatch(inside))
        case "keys":
            return bool(_KEY.fullmatch(inside))
        case "objects":
            bucket, _, key = inside.partition("/")
            return bool(_BUCKET.fullmatch(bucket)) and is_key(key)
        case "home":
            first, slash, _ = inside.partition("/")
            return inside in HOME_FILES or (bool(slash) and first in HOME_FOLDERS and _is_path(inside))
        case _:
            return False


def bucket_of(name: str) -> str | None:
    """The bucket of a file that is an object; None for other files."""
    folder, _, inside = name.partition("/")
    return inside.partition("/")[0] if folder == OBJECTS else None


def contradiction(manifest: Manifest) -> str | None:
    """What in a manifest cannot be true, in words: files inside of files, databases that are no file of the archive."""
    names = {entry.name for entry in manifest.files}
    for name in sorted(names):
        if outer := next((each for each in _folders(name) if each in names), None):
            return f"{name!r} lies inside of the file {outer!r}"
    files = [each.file for each in manifest.databases]
    for file in files:
        if file not in names or not file.startswith(f"{DATABASES}/"):
            return f"its database {file!r} is no file of it"
    if len(set(files)) < len(files):
        return "two services share a database"
    return None


def _folders(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:end]) for end in range(1, len(parts)))


def _is_path(path: str) -> bool:
    return all(_is_plain(part) for part in path.split("/"))


def _is_plain(part: str) -> bool:
    """Whether a file may be called so: any script, no control characters, nothing that is not UTF-8."""
    if part in ("", ".", "..") or any(unicodedata.category(each) in ("Cc", "Cs") for each in part):
        return False
    return len(part.encode()) <= MOST_NAME_BYTES
