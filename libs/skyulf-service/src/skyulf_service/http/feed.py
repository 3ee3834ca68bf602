"""``/internal/v1/feed``: a service's published events, for neighbours that rebuild what they have missed."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel

from skyulf_service.database.engine import Database
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.tables import MessagingTables
from skyulf_service.http.requires import requires_service
from skyulf_service.outbox.feed import read_feed

MOST = 1000


class FeedItem(BaseModel):
    """One event as it stands in the outbox; ``body`` is its JSON text."""

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

    def to_row(self) -> OutboxRow:
        """The row again, at the reader's end; `messaging.records.record_of` makes a record of it."""
        return OutboxRow(**dict(self))


class FeedRead(BaseModel):
    """A stretch of the feed."""

    items: list[FeedItem]
    last: int
    """Pass it as ``after`` to go on; the same as was asked with where there is nothing further."""


def router(database: Database, tables: MessagingTables) -> APIRouter:
    """Serve the feed to our own services and to operators."""
    feed = APIRouter(prefix="/internal/v1/feed", include_in_schema=False)

    @feed.get("", **requires_service())
    async def read_event_feed(
        after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0, limit: Annotated[int, Query(ge=1, le=MOST)] = 200
    ) -> FeedRead:
        async with database.read() as connection:
            rows = await read_feed(connection, tables.outbox, after=after, limit=limit)
        items = [FeedItem(**asdict(row)) for row in rows]
        return FeedRead(items=items, last=items[-1].seq if items else after)

    return feed
