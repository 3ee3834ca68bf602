"""The outbox read again: neighbours rebuild their projections from it when they have missed events."""

from datetime import timedelta

from sqlalchemy import Table, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.types import database_now
from skyulf_service.outbox.retention import KEPT

SETTLED = timedelta(seconds=5)
# a page is held whole by whoever answers and by whoever reads, and an event may have 512 KiB
PAGE_CHARACTERS = 4 << 20


async def read_feed(connection: AsyncConnection, outbox: Table, *, after: int, limit: int = 200) -> list[OutboxRow]:
    """Return rows that were published within `KEPT`, after a sequence number, oldest first.

    There may be more of them: a page ends after ``limit`` rows, or where the next body would make it large.

    Age decides, not whether this service has swept yet: a neighbour that starts after a long time may have forgotten
    what it handled (claims outlive `KEPT`, not for ever), and must not be offered it again.

    Ends before a row that has not been published, and before a gap in the numbers that is younger than five seconds: a
    transaction that has not committed yet may still fill it. A reader that goes by the last number would see neither.
    """
    fresh = (outbox.c.published_at > database_now(-SETTLED)).label("fresh")
    kept = or_(outbox.c.published_at > database_now(-KEPT), outbox.c.published_at.is_(None))
    rows = select(outbox, fresh).where(outbox.c.seq > after, kept)
    found: list[OutboxRow] = []
    room = PAGE_CHARACTERS
    for row in (await connection.execute(rows.order_by(outbox.c.seq).limit(limit))).mappings():
        expected = (found[-1].seq if found else after) + 1
        if row["published_at"] is None or (row["seq"] != expected and row["fresh"]):
            break
        room -= len(row["body"])
        if found and room < 0:
            break
        found.append(OutboxRow.of(row))
    return found
