"""Bodies of ingestion's requests and answers."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from skyulf_ingestion.domain.datasets import Column, Dataset, DatasetStatus, Format, ReadOptions

DatasetName = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["flights"])]


class DatasetUpdate(BaseModel):
    """What of a dataset can be changed."""

    model_config = ConfigDict(extra="forbid")

    name: DatasetName


class FailureRead(BaseModel):
    """Why a file cannot become a dataset; the message names the line, byte or column."""

    code: str
    message: str


class SummaryRead(BaseModel):
    """The few figures of the profile."""

    rows: int
    columns: int
    missing_cells: int
    warnings: int


class DatasetRead(BaseModel):
    """A dataset; follow `status` until it is `ready`."""

    id: UUID
    name: str
    version: int = Field(description="Version of the data, counted from 1")
    status: DatasetStatus
    format: Format
    bytes: int = Field(description="Size of the file as it was uploaded")
    sha256: str = Field(description="SHA-256 of the file as it was uploaded")
    rows: int | None
    columns: int | None
    summary: SummaryRead | None
    error: FailureRead | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """A dataset as the API shows it."""
        content = dataset.content
        error = None
        if dataset.error_code is not None:
            error = FailureRead(code=dataset.error_code, message=dataset.error_message or "")
        return cls(
            id=dataset.id,
            name=dataset.name,
            version=dataset.number,
            status=dataset.status,
            format=dataset.format,
            bytes=dataset.source.size,
            sha256=dataset.source.sha256,
            rows=content.rows if content else None,
            columns=len(content.columns) if content else None,
            summary=SummaryRead.model_validate(content.summary) if content else None,
            error=error,
            created_at=dataset.created_at,
            updated_at=dataset.updated_at,
        )


class ColumnRead(BaseModel):
    """A column."""

    name: str
    type: str
    nullable: bool

    @classmethod
    def of(cls, column: Column) -> Self:
        """A column as the API shows it."""
        return cls(**asdict(column))


class SchemaRead(BaseModel):
    """The columns of a dataset, in their order."""

    columns: list[ColumnRead]


class SampleRead(BaseModel):
    """The first rows of a dataset."""

    rows: list[dict[str, JsonValue]]


class VersionRead(BaseModel):
    """One version of a dataset's data."""

    version: int
    status: DatasetStatus
    rows: int | None
    format: Format
    bytes: int = Field(description="Size of the file as it was uploaded")
    sha256: str = Field(description="SHA-256 of the file as it was uploaded")
    encoding: str | None = Field(description="What the uploader said of it; null: it was detected")
    separator: str | None = Field(description="What the uploader said of it; null: it was detected")
    created_at: datetime

    @classmethod
    def of(cls, dataset: Dataset, options: ReadOptions) -> Self:
        """The version that a dataset has, and how it was read."""
        return cls(
            version=dataset.number,
            status=dataset.status,
            rows=dataset.content.rows if dataset.content else None,
            format=dataset.format,
            bytes=dataset.source.size,
            sha256=dataset.source.sha256,
            encoding=options.encoding,
            separator=options.separator,
            created_at=dataset.created_at,
        )


class VersionsRead(BaseModel):
    """All versions of a dataset, newest first."""

    items: list[VersionRead]
    next_cursor: str | None = None
