"""A process that stops in the middle of a statement keeps its locks until its neighbours end its session."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from skyulf_service.database.engine import Database
from skyulf_service.database.stalled import end_stalled_sessions
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.testing.sample import Counter, SampleUnitOfWork, counters, create_tables
from skyulf_service.testing.tcp_proxy import TcpProxy
from sqlalchemy import make_url, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

PATIENCE = timedelta(seconds=0.3)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    opened = Database.open(postgres_url, name="sample")
    await create_tables(opened)
    async with opened.begin() as connection:
        await SampleUnitOfWork(connection).counters.add(Counter(project_id=new_id()))
    yield opened
    await opened.close()


async def test_who_closes_does_not_wait_for_a_server_that_hangs(postgres_url: str) -> None:
    place = make_url(postgres_url)
    async with TcpProxy(str(place.host), int(place.port or 0)) as proxy:
        host, port = proxy.address.split(":")
        reached = Database.open(
            place.set(host=host, port=int(port)).render_as_string(hide_password=False), name="sample"
        )
        async with reached.read(), reached.read():
            await reached.ping()
        proxy.blackhole = True
        began = time.monotonic()

        await reached.close()

        assert time.monotonic() - began < 5


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that holds the row, until its session is ended."""
    connection = await database.engine.connect()
    try:
        await connection.execute(select(counters).with_for_update())
        yield connection
    finally:
        await connection.invalidate()
        await connection.close()


async def is_free(database: Database) -> bool:
    async with database.begin() as connection:
        found = await connection.execute(select(counters.c.id).with_for_update(skip_locked=True))
        return found.first() is not None


async def waits_for_its_client(database: Database) -> bool:
    """Whether there is a session that looks as one does whose process stopped within a statement."""
    looked = "state = 'active' AND wait_event = 'ClientRead' AND xact_start IS NOT NULL"
    query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {looked}"
    async with database.read() as connection:
        return bool((await connection.execute(text(query))).scalar_one())


async def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    raw = (await connection.get_raw_connection()).driver_connection
    assert raw is not None
    return raw


async def test_a_session_that_stops_within_a_statement_is_ended(database: Database) -> None:
    async with locked(database) as connection:
        driver = await driver_of(connection)
        await driver.prepare("SELECT 1 + 1")  # parsed, and not run: nothing follows
        assert not await is_free(database)
        assert await end_stalled_sessions(database, patience=timedelta(hours=1)) == 0
        await asyncio.sleep(2 * PATIENCE.total_seconds())

        assert await end_stalled_sessions(database, patience=PATIENCE) == 1

        async with asyncio.timeout(5):
            while not driver.is_closed():
                await asyncio.sleep(0.01)
    assert await is_free(database)


async def test_a_process_that_wakes_up_after_all_hears_of_it_and_goes_on(database: Database) -> None:
    with pytest.raises(UnavailableError):
        await _write_and_sleep_through(database)

    await _raise(database)
    async with database.read() as connection:
        assert (await connection.execute(select(counters.c.value))).scalar_one() == 1


async def test_a_session_that_is_being_told_rows_goes_on(database: Database) -> None:
    async def rows() -> AsyncIterator[bytes]:
        yield b"1\n"
        await asyncio.sleep(2 * PATIENCE.total_seconds())
        assert await waits_for_its_client(database)
        assert await end_stalled_sessions(database, patience=PATIENCE) == 0
        yield b"2\n"

    async with database.begin() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE told (number integer)"))
        driver = await driver_of(connection)
        assert await driver.copy_to_table("told", source=rows()) == "COPY 2"


async def test_sessions_of_other_programs_go_on(database: Database) -> None:
    session = await asyncpg.connect(database.url.replace("+asyncpg", ""))
    try:
        await session.execute("BEGIN")
        await session.prepare("SELECT 1 + 1")
        await asyncio.sleep(2 * PATIENCE.total_seconds())

        assert await waits_for_its_client(database)
        assert await end_stalled_sessions(database, patience=PATIENCE) == 0

        await session.execute("COMMIT")
    finally:
        await session.close()


async def test_sessions_that_work_or_wait_for_a_lock_or_are_between_statements_go_on(database: Database) -> None:
    async with locked(database) as connection, asyncio.TaskGroup() as group:
        waiting = group.create_task(_raise(database))
        working = group.create_task(_sleep(database, 4 * PATIENCE.total_seconds()))
        await asyncio.sleep(2 * PATIENCE.total_seconds())

        assert await end_stalled_sessions(database, patience=PATIENCE) == 0

        await connection.commit()
        await asyncio.wait({waiting, working})


async def _write_and_sleep_through(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(update(counters).values(value=7))
        await (await driver_of(connection)).prepare("SELECT 1 + 1")
        await asyncio.sleep(2 * PATIENCE.total_seconds())
        assert await end_stalled_sessions(database, patience=PATIENCE) == 1
        await connection.execute(update(counters).values(value=8))


async def _raise(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(update(counters).values(value=counters.c.value + 1))


async def _sleep(database: Database, seconds: float) -> None:
    async with database.begin() as connection:
        await connection.execute(text(f"SELECT pg_sleep({seconds})"))
