"""The table of contents of a backup: what it was made of, and the SHA-256 of every file in it."""

import re
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from skyulf_service.settings import Form

NAME = "manifest.json"
Dialect = Literal["sqlite", "postgresql"]
# folders of the archive; what is below `home` lies directly in the data folder
DATABASES, OBJECTS, KEYS, HOME = "databases", "objects", "keys", "home"
_MEMBER = re.compile(rf"({DATABASES}|{OBJECTS}|{KEYS}|{HOME})(/[A-Za-z0-9_.][^/\x00]{{0,254}})+")


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
    """Whether a file of the archive may have this name; none leads out of its folder."""
    return bool(_MEMBER.fullmatch(name)) and ".." not in name.split("/")
