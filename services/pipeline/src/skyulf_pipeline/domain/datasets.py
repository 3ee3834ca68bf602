"""What this service remembers of ingestion's datasets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from skyulf_core import ColumnSchema, Schema
from skyulf_core.schema import DTYPES

from skyulf_pipeline.domain.errors import DatasetNotReadyError, UnknownDatasetError


class DatasetStatus(StrEnum):
    """What became of a version of a dataset; ``deleted`` keeps late events of it from bringing it back."""

    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """Which version of which dataset is meant; without a number the newest ready one."""

    dataset_id: UUID
    number: int | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An immutable object in somebody's bucket: SHA-256 (hex) and size in bytes of its content."""

    bucket: str
    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a dataset as its newest event told it. ``order`` is that event's aggregate version."""

    dataset_id: UUID
    number: int
    project_id: UUID
    name: str
    status: DatasetStatus
    order: int
    rows: int = 0
    columns: tuple[Mapping[str, JsonValue], ...] = ()
    file: StoredFile | None = None
    reason: str = ""

    def schema(self) -> Schema:
        """The columns, for checking a pipeline without data."""
        return Schema(
            ColumnSchema(str(column["name"]), _dtype(str(column["type"])), nullable=bool(column["nullable"]))  # type: ignore[arg-type]
            for column in self.columns
        )

    def require_file(self) -> StoredFile:
        """The normalised data, or `DatasetNotReadyError` (come back in a second) or `UnknownDatasetError`."""
        if self.status is DatasetStatus.READY and self.file is not None:
            return self.file
        if self.status is DatasetStatus.DELETED:
            raise unknown(self.dataset_id)
        if self.status is DatasetStatus.FAILED:
            raise DatasetNotReadyError(f"Version {self.number} of {self.name!r} could not be processed: {self.reason}")
        raise DatasetNotReadyError(
            f"Version {self.number} of {self.name!r} is still being processed; try again in a moment.", retry_after=1.0
        )


@dataclass(frozen=True, slots=True)
class Tables:
    """What a graph reads: the dataset whose rows are learned from, and those of further sources by their name."""

    main: Dataset | None = None
    sources: Mapping[str, Dataset] = field(default_factory=dict)


def unknown(dataset_id: UUID, number: int | None = None) -> UnknownDatasetError:
    """The error for a dataset of which no event has arrived."""
    which = f"dataset {dataset_id}" if number is None else f"version {number} of dataset {dataset_id}"
    return UnknownDatasetError(
        f"There is no {which} in this project. If it was uploaded a moment ago, it may still be on its way: try again.",
        retry_after=1.0,
    )


def _dtype(name: str) -> str:
    return name if name in DTYPES else "other"
