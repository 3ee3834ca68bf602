"""Datasets and their profiles."""

from datetime import datetime
from uuid import UUID

from pydantic import Field, JsonValue

from skyulf_client.answers.base import Answer, Failure


class Dataset(Answer):
    """A table of data. ``status``: processing, then ready, failed or cancelled."""

    id: UUID
    name: str
    version: int
    status: str
    format: str
    bytes: int
    sha256: str
    rows: int | None = None
    columns: int | None = None
    error: Failure | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def settled(self) -> bool:
        """Whether nothing changes any more by itself."""
        return self.status in ("ready", "failed", "cancelled")


class DatasetVersion(Answer):
    """One version of a dataset's data, and how its file was read; None where that was detected."""

    version: int
    status: str
    rows: int | None = None
    format: str
    bytes: int
    sha256: str
    encoding: str | None = None
    separator: str | None = None


class Column(Answer):
    """A column."""

    name: str
    type: str
    nullable: bool


class DatasetSchema(Answer):
    """The columns of a dataset, in their order."""

    columns: list[Column]


class Sample(Answer):
    """The first rows of a dataset."""

    rows: list[dict[str, JsonValue]]


class TopValue(Answer):
    """A frequent value."""

    value: JsonValue
    count: int


class ProfileWarning(Answer):
    """Something about a column that one should know."""

    code: str
    message: str


class ProfileColumn(Answer):
    """What a column holds. Figures are None where the type has none."""

    name: str
    type: str
    nulls: int
    null_share: float
    distinct: int
    examples: list[JsonValue] = Field(default_factory=list)
    top_values: list[TopValue] = Field(default_factory=list)
    min: JsonValue = None
    max: JsonValue = None
    mean: JsonValue = None
    std: JsonValue = None
    warnings: list[ProfileWarning] = Field(default_factory=list)


class Profile(Answer):
    """What a dataset holds, column by column."""

    rows: int
    columns: list[ProfileColumn]
    missing_cells: int
