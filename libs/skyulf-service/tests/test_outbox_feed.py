"""The feed: what was published within a week, in order, and nothing behind what may still come."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from skyulf_service.database.engine import Database
from skyulf_service.database.types import database_now
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.ids import new_id
from skyulf_service.outbox.feed import read_feed
from skyulf_service.outbox.retention import KEPT
from skyulf_service.testing.sample import Counter, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import Executable, delete, update


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of four events, numbered from 1, that nobody has published."""
    opened = Database.open(database_url, name="sample")
    await create_tables(opened)
    async with UnitOfWorks(opened, SampleUnitOfWork)() as uow:
        for number in range(4):
            counter = Counter(project_id=new_id(), name=f"c{number}")
            await uow.counters.add(counter)
            await uow.publish(counter.raised())
    yield opened
    await opened.close()


async def test_the_feed_stops_before_a_transaction_that_may_still_commit(database: Database) -> None:
    outbox = messaging.outbox
    published = update(outbox).where(outbox.c.seq.in_([1, 3]))

    async def offered(*changes: Executable) -> list[int]:
        async with database.begin() as connection:
            for change in changes:
                await connection.execute(change)
        async with database.read() as connection:
            return [row.seq for row in await read_feed(connection, outbox, after=0)]

    old = published.values(published_at=database_now(timedelta(seconds=-60)))
    waiting = await offered(old)
    gap = await offered(delete(outbox).where(outbox.c.seq == 2), published.values(published_at=database_now()))
    nobody = await offered(old)

    assert waiting == [1], "it was committed, and will leave"
    assert gap == [1], "it may still be committed"
    assert nobody == [1, 3]


async def test_the_feed_offers_a_week_whether_anybody_has_swept_or_not(database: Database) -> None:
    outbox = messaging.outbox
    async with database.begin() as connection:
        for seq, age in ((1, timedelta(days=20)), (2, KEPT + timedelta(minutes=1)), (3, KEPT - timedelta(minutes=1))):
            moment = database_now(-age)
            await connection.execute(update(outbox).where(outbox.c.seq == seq).values(published_at=moment))

    async with database.read() as connection:
        offered = [row.seq for row in await read_feed(connection, outbox, after=0)]

    assert offered == [3], "neither what is old nor what has not left"
