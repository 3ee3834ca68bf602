"""Datasets and the imports that make them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from skyulf_service.work.states import WorkState

from skyulf_ingestion.domain.errors import DatasetNotReadyError, DatasetSettledError

UPLOADS = "uploads/"
OUTPUTS = "imports/"


class DatasetStatus(StrEnum):
    """How far a dataset has come."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Format(StrEnum):
    """File formats that are read."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Stored:
    """An immutable object in ingestion's bucket. ``size`` is in bytes."""

    bucket: str
    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a dataset."""

    name: str
    type: str
    nullable: bool


@dataclass(frozen=True, slots=True)
class Normalised:
    """What an import made of a file."""

    rows: int
    columns: tuple[Column, ...]
    parquet: Stored
    profile: Stored
    summary: dict[str, JsonValue]


@dataclass(slots=True)
class Dataset:
    """A named table of data. ``number`` is the version of its data, counted from 1."""

    id: UUID
    project_id: UUID
    name: str
    format: Format
    source: Stored
    created_at: datetime
    updated_at: datetime
    number: int = 1
    status: DatasetStatus = DatasetStatus.PROCESSING
    content: Normalised | None = None
    error_code: str | None = None
    error_message: str | None = None
    version: int = 1

    def become_ready(self, content: Normalised) -> None:
        """Take in what the import made."""
        self._require_processing()
        self.status, self.content = DatasetStatus.READY, content

    def fail(self, code: str, message: str) -> None:
        """Record why the file cannot become a dataset."""
        self._require_processing()
        self.status, self.error_code, self.error_message = DatasetStatus.FAILED, code, message

    def cancel(self) -> None:
        """Record that a person stopped the import."""
        self._require_processing()
        self.status = DatasetStatus.CANCELLED
        self.error_code, self.error_message = "cancelled", "The import was cancelled."

    def require_content(self) -> Normalised:
        """Return the data's description, or raise `DatasetNotReadyError`."""
        if self.content is None:
            reason = f": {self.error_message}" if self.error_message else "; wait until its status is ready"
            raise DatasetNotReadyError(f"Dataset {self.name!r} is {self.status.value}{reason}.")
        return self.content

    def object_keys(self) -> list[str]:
        """The keys of everything that is stored for this dataset."""
        made = [self.content.parquet.key, self.content.profile.key] if self.content else []
        return [self.source.key, *made]

    def _require_processing(self) -> None:
        if self.status is not DatasetStatus.PROCESSING:
            raise DatasetSettledError(f"Dataset {self.name!r} is {self.status.value} already.")


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How a person says the file is to be read; None means detected."""

    encoding: str | None = None
    separator: str | None = None


@dataclass(slots=True, kw_only=True)
class Import(WorkState):
    """The work of turning one upload into a dataset."""

    id: UUID
    project_id: UUID
    dataset_id: UUID
    format: Format
    source: Stored
    created_at: datetime
    updated_at: datetime
    options: ReadOptions = field(default_factory=ReadOptions)
    traceparent: str | None = None
    version: int = 1

    def outputs(self) -> str:
        """What the keys of everything that any attempt has made begin with, and a ``*``."""
        return f"{OUTPUTS}{self.id}.*"


def output_key(import_id: UUID, epoch: int, name: str) -> str:
    """Where the attempt under an epoch stores what it made.

    No two attempts share a key, and none is written twice: what one of them let go of can be removed at any time.
    """
    return f"{OUTPUTS}{import_id}.{epoch}.{name}"
