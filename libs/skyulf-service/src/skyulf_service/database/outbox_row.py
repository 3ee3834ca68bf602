"""A row of the outbox, as the relay hands it to a publisher."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that was committed with the change it tells of. ``seq`` orders the rows of one service."""

    seq: int
    event_id: UUID
    topic: str
    type: str
    source: str
    data_schema: str
    aggregate_id: str
    aggregate_version: int
    project_id: UUID
    body: str
    traceparent: str | None
    occurred_at: datetime

    @classmethod
    def of(cls, row: RowMapping) -> "OutboxRow":
        """Read a row of the table; further columns are left out."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})
