"""How long published events stay in the outbox, where neighbours can read them again."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import Table, delete, select

from skyulf_service.database.engine import Database
from skyulf_service.database.types import database_now

_log = structlog.get_logger(__name__)
KEPT = timedelta(days=7)
SWEEP_SECONDS = 600.0
# small deletes: a large one would hold locks, and SQLite's only writer, for seconds
BATCH = 1000


async def sweep(database: Database, outbox: Table, *, kept: timedelta = KEPT) -> int:
    """Remove rows that were published longer ago; returns how many."""
    gone, total = BATCH, 0
    while gone == BATCH:
        # only the oldest are looked at: there is no index on the time, which every published event would pay for
        oldest = select(outbox.c.seq, outbox.c.published_at).order_by(outbox.c.seq).limit(BATCH).subquery()
        old = select(oldest.c.seq).where(oldest.c.published_at < database_now(-kept))
        async with database.begin() as connection:
            batch = await connection.execute(delete(outbox).where(outbox.c.seq.in_(old)))
        gone = batch.rowcount
        total += gone
    return total


async def sweep_forever(database: Database, outbox: Table) -> None:
    """Sweep every ten minutes until cancelled."""
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:
            await sweep(database, outbox)
        except Exception as error:
            _log.warning("outbox.sweep_failed", database=database.name, error=repr(error)[:300])
