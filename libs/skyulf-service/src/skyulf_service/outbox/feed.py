"""The outbox read again: neighbours rebuild their projections from it when they have missed events."""

from datetime import timedelta

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.types import database_now

SETTLED = timedelta(seconds=5)


async def read_feed(connection: AsyncConnection, outbox: Table, *, after: int, limit: int = 200) -> list[OutboxRow]:
    """Return published rows after a sequence number, oldest first.

    Ends before a gap in the numbers that is younger than five seconds: a transaction that has not committed yet may
    still fill it, and a reader that goes by the last number would never see its row.
    """
    fresh = (outbox.c.published_at > database_now(-SETTLED)).label("fresh")
    published = select(outbox, fresh).where(outbox.c.seq > after, outbox.c.published_at.is_not(None))
    found: list[OutboxRow] = []
    for row in (await connection.execute(published.order_by(outbox.c.seq).limit(limit))).mappings():
        expected = (found[-1].seq if found else after) + 1
        if row["seq"] != expected and row["fresh"]:
            break
        found.append(OutboxRow.of(row))
    return found
