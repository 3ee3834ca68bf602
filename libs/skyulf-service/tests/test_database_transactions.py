"""Transactions on both databases: nothing lost, nothing locked for ever, away said as away."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest
from harness.promises import Figures
from skyulf_service.database.engine import Database
from skyulf_service.database.failures import is_full
from skyulf_service.database.pagination import decode_cursor, encode_cursor
from skyulf_service.database.types import UnstorableTextError
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import InvalidInputError, NotFoundError, StaleVersionError, UnavailableError
from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.testing.handles import PostgresServer
from skyulf_service.testing.sample import (
    Counter,
    CounterRepository,
    SampleUnitOfWork,
    counters,
    create_tables,
    messaging,
)
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

SYSTEM = Scope.system("sample")
SLOW = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5000000) SELECT count(*) FROM r"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, name="sample")
    await create_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def uows(database: Database) -> UnitOfWorks[SampleUnitOfWork]:
    return UnitOfWorks(database, SampleUnitOfWork)


async def add(uows: UnitOfWorks[SampleUnitOfWork], **values: object) -> Counter:
    counter = Counter(project_id=new_id(), **values)  # type: ignore[arg-type]
    async with uows() as uow:
        await uow.counters.add(counter)
    return counter


async def raise_once(uows: UnitOfWorks[SampleUnitOfWork], counter: Counter) -> None:
    while True:
        try:
            async with uows() as uow:
                found = await uow.counters.require(SYSTEM, counter.id)
                found.value += 1
                await uow.counters.save(found)
                await uow.publish(found.raised())
            return
        except (StaleVersionError, UnavailableError):
            await asyncio.sleep(0)


@pytest.mark.promise("R21")
async def test_twenty_writers_lose_no_update(uows: UnitOfWorks[SampleUnitOfWork], figures: Figures) -> None:
    counter = await add(uows)

    async def writer() -> None:
        for _ in range(5):
            await raise_once(uows, counter)

    await asyncio.gather(*(writer() for _ in range(20)))

    async with uows.read() as uow:
        found = await uow.counters.require(SYSTEM, counter.id)
        rows = (await uow.connection.execute(select(messaging.outbox.c.aggregate_version))).scalars().all()
    assert found.value == 100
    assert found.version == 101
    assert sorted(rows) == list(range(2, 102))
    figures(f"20 writers: {found.value} of 100 updates, {len(rows)} events")


async def test_a_stale_save_is_refused_and_leaves_no_event(uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    counter = await add(uows)
    await raise_once(uows, counter)

    async def save_stale() -> None:
        async with uows() as uow:
            await uow.publish(Counter(project_id=counter.project_id, id=counter.id, version=7).raised())
            await uow.counters.save(counter)

    with pytest.raises(StaleVersionError):
        await save_stale()

    assert counter.version == 1
    async with uows.read() as uow:
        assert len((await uow.connection.execute(select(messaging.outbox))).all()) == 1


async def test_one_version_is_announced_once(uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    counter = await add(uows)

    async def announce_twice() -> None:
        async with uows() as uow:
            await uow.publish(counter.raised())
            await uow.publish(counter.raised())

    with pytest.raises(StaleVersionError):
        await announce_twice()


async def test_a_missing_value_is_a_bug_and_not_a_lost_race(uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    async def add_without_name() -> None:
        async with uows() as uow:
            row = uow.counters.to_row(Counter(project_id=new_id()))
            await uow.connection.execute(counters.insert().values({**row, "name": None}))

    with pytest.raises(DBAPIError):
        await add_without_name()


async def test_another_projects_aggregate_is_not_found(uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    counter = await add(uows)
    stranger = Scope(project_id=new_id(), subject="user:1")

    async with uows.read() as uow:
        assert await uow.counters.get(stranger, counter.id) is None
        with pytest.raises(NotFoundError):
            await uow.counters.require(stranger, counter.id)
        assert (await uow.counters.list(stranger)).items == []
        assert await uow.counters.get(Scope(counter.project_id, "user:1"), counter.id) == counter


async def test_pages_hold_every_row_once(uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    project, moment = new_id(), utc_now()
    async with uows() as uow:
        for number in range(23):  # one moment for all: the id decides
            await uow.counters.add(Counter(project_id=project, name=f"c{number}", created_at=moment))
    scope = Scope(project, "user:1")

    seen, cursor = [], None
    while True:
        async with uows.read() as uow:
            page = await uow.counters.list(scope, limit=5, cursor=cursor)
        seen += [each.id for each in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert len(seen) == len(set(seen)) == 23
    async with uows.read() as uow:
        for bad in ("", "!", "bm9uc2Vuc2U", "W10", "W1siYSJdXQ", "ŵ", "WyJjb3VudGVycyIsMSwyXQ"):
            with pytest.raises(InvalidInputError):
                await uow.counters.list(scope, cursor=bad)


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59-05:00",
        "0001-01-01T00:00:00+14:00",
        "2026-01-01T00:00:00",
        "2026-01-01",
        "",
        2**63,
        20260101,
    ],
)
async def test_a_forged_moment_in_a_cursor_is_refused(uows: UnitOfWorks[SampleUnitOfWork], moment: str | int) -> None:
    async with uows.read() as uow:
        with pytest.raises(InvalidInputError):
            await uow.counters.list(SYSTEM, cursor=encode_cursor("counters", [moment, str(new_id())]))


@pytest.mark.parametrize(
    ("moment", "found"), [("9999-12-31T23:59:59.999999+00:00", 1), ("0001-01-01T00:00:00-05:00", 0)]
)
async def test_pages_may_begin_at_the_ends_of_time(
    uows: UnitOfWorks[SampleUnitOfWork], moment: str, found: int
) -> None:
    await add(uows)

    async with uows.read() as uow:
        page = await uow.counters.list(SYSTEM, cursor=encode_cursor("counters", [moment, str(new_id())]))

    assert len(page.items) == found


@pytest.mark.parametrize("key", ["a\x00b", "\ud800", 2**63, -(2**63)])
def test_no_cursor_holds_what_a_database_cannot_compare(key: str | int) -> None:
    with pytest.raises(InvalidInputError):
        decode_cursor(encode_cursor("counters", [key]), "counters", 1)


@pytest.mark.parametrize("bad", ["a\x00b", "\ud800"])
async def test_unstorable_text_is_refused_in_columns_and_in_json(uows: UnitOfWorks[SampleUnitOfWork], bad: str) -> None:
    with pytest.raises(UnstorableTextError):
        await add(uows, name=bad)
    with pytest.raises(UnstorableTextError):
        await add(uows, notes={"remark": bad})
    with pytest.raises(UnstorableTextError):
        await add(uows, notes={"amount": float("nan")})

    kept = await add(uows, name="\\u0000 is only text", notes={"path": "C:\\u0000"})
    async with uows.read() as uow:
        assert await uow.counters.require(SYSTEM, kept.id) == kept


async def test_a_reader_writes_nothing(database: Database, uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    try:
        async with uows.read() as uow:
            await uow.counters.add(Counter(project_id=new_id()))
    except DBAPIError:
        assert database.dialect == "postgresql"

    async with uows.read() as uow:
        assert (await uow.counters.list(SYSTEM)).items == []


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.1])
async def test_a_cancelled_writer_locks_nobody_out(database: Database, delay: float) -> None:
    async def write_slowly() -> None:
        async with database.begin() as connection:
            await connection.execute(text(SLOW))

    task = asyncio.create_task(write_slowly())
    await asyncio.sleep(delay)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    async with asyncio.timeout(3), database.begin() as connection:
        row = CounterRepository(connection).to_row(Counter(project_id=new_id()))
        await connection.execute(counters.insert().values(row))


async def test_a_used_up_pool_is_unavailable_after_two_seconds(database_url: str) -> None:
    small = Database.open(database_url, name="small", pool_size=1)
    try:
        async with small.read():
            with pytest.raises(UnavailableError):
                async with small.read():
                    pass
    finally:
        await small.close()


async def test_callers_get_their_turn_in_order(database_url: str) -> None:
    database = Database.open(database_url, name="small", pool_size=2)
    await create_tables(database)
    ends_at = asyncio.get_running_loop().time() + 3
    turns = [0] * 12

    async def greedy(index: int) -> None:
        while asyncio.get_running_loop().time() < ends_at:
            async with database.read() as connection:
                await connection.execute(text("SELECT 1"))
                await asyncio.sleep(0.005)
            turns[index] += 1

    await asyncio.gather(*(greedy(index) for index in range(12)))
    await database.close()

    assert max(turns) - min(turns) <= 2


@pytest.mark.promise("R5")
@pytest.mark.postgres
async def test_a_restart_of_postgresql_is_unavailable_then_fine(
    postgres_server: PostgresServer, postgres_url: str, figures: Figures
) -> None:
    database = Database.open(postgres_url, name="sample")
    await create_tables(database)
    uows = UnitOfWorks(database, SampleUnitOfWork)
    counter = await add(uows)

    async def read_over_a_stop() -> None:
        async with uows() as uow:
            await uow.counters.require(SYSTEM, counter.id)
            postgres_server.stop()
            await uow.counters.list(SYSTEM)

    try:
        with pytest.raises(UnavailableError):
            await read_over_a_stop()
        with pytest.raises(UnavailableError):
            await database.ping()
    finally:  # other tests need it
        postgres_server.start()
    began = time.monotonic()

    async with uows.read() as uow:
        assert await uow.counters.require(SYSTEM, counter.id) == counter
    figures(f"stopped in a transaction: refused, committed row read {time.monotonic() - began:.2f} s after the start")
    await database.close()


def test_who_connects_to_a_full_database_is_told_so() -> None:
    refusal = asyncpg.InternalServerError("could not write init file")

    assert is_full(refusal)
    assert is_full(DBAPIError("", None, refusal))
    assert not is_full(asyncpg.InternalServerError("cache lookup failed"))
    assert not is_full(asyncpg.NotNullViolationError("Failing row contains (could not write init file)."))
