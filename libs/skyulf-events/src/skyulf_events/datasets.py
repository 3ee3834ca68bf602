"""Events of ingestion about datasets."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from skyulf_events.envelope import Event, Payload
from skyulf_events.refs import ColumnField, Failure, ObjectRef


class ProfileSummary(Payload):
    """The few figures of a profile that fit into an event; the whole profile is an object."""

    rows: int = Field(ge=0)
    columns: int = Field(ge=0)
    missing_cells: int = Field(ge=0)
    warnings: int = Field(ge=0)


class DatasetEvent(Event):
    """What all events about a dataset carry."""

    topic: ClassVar[str] = "skyulf.datasets.v1"
    source: ClassVar[str] = "/services/ingestion"
    subject_field: ClassVar[str] = "dataset_id"

    dataset_id: UUID
    name: str
    version: int = Field(ge=1, description="The dataset's version, counted from 1")


class DatasetCreated(DatasetEvent):
    """A dataset was accepted and is being processed."""

    type: ClassVar[str] = "dataset.created"
    status: Literal["uploading", "processing"] = "processing"
    format: str
    bytes: int = Field(ge=0)


class DatasetProfiled(DatasetEvent):
    """A dataset version is ready: normalised to Parquet and profiled."""

    type: ClassVar[str] = "dataset.profiled"
    status: Literal["ready"] = "ready"
    format: str
    columns: tuple[ColumnField, ...]
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)
    parquet: ObjectRef
    profile: ObjectRef
    summary: ProfileSummary


class DatasetFailed(DatasetEvent):
    """A dataset version could not be processed, or was cancelled."""

    type: ClassVar[str] = "dataset.failed"
    status: Literal["failed", "cancelled"]
    error: Failure


class DatasetDeleted(DatasetEvent):
    """A dataset and all its versions were deleted by a person."""

    type: ClassVar[str] = "dataset.deleted"
