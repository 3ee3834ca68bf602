"""The outbox read again: neighbours rebuild their projections from it when they have missed events."""

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.outbox_row import OutboxRow


async def read_feed(connection: AsyncConnection, outbox: Table, *, after: int, limit: int = 200) -> list[OutboxRow]:
    """Return published rows after a sequence number, oldest first."""
    published = select(outbox).where(outbox.c.seq > after, outbox.c.published_at.is_not(None))
    rows = await connection.execute(published.order_by(outbox.c.seq).limit(limit))
    return [OutboxRow.of(dict(row)) for row in rows.mappings()]
