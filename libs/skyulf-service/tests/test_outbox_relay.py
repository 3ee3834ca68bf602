"""The relay: everything committed leaves, in order per aggregate, whoever dies meanwhile."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from harness.promises import Figures
from skyulf_service.database.engine import Database
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.types import database_now
from skyulf_service.database.unit_of_work import MAX_EVENT_BYTES, UnitOfWorks
from skyulf_service.errors import StaleVersionError, StorageFullError, TooLargeError, UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.outbox.lease import Lease
from skyulf_service.outbox.relay import Relay
from skyulf_service.outbox.retention import sweep
from skyulf_service.scope import Scope
from skyulf_service.testing.handles import PostgresServer
from skyulf_service.testing.no_room import no_room
from skyulf_service.testing.sample import Counter, CounterRaised, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import delete, select, update

SYSTEM = Scope.system("sample")


class Journal:
    """A receiver that keeps what it gets, and is away or slow when told to be."""

    def __init__(self, *, flakiness: float = 0.0) -> None:
        self.flakiness = flakiness
        self.rows: list[OutboxRow] = []
        self.away = False
        self.arrived = asyncio.Event()

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        await asyncio.sleep(0.001)
        if self.away:
            raise UnavailableError("the broker is away")
        if random.random() < self.flakiness:
            self.rows += rows[: random.randrange(len(rows))]
            raise UnavailableError("the broker went away in the middle of a batch")
        self.rows += rows
        self.arrived.set()

    def first_versions(self) -> dict[str, list[int]]:
        """The versions of each aggregate in the order in which they first arrived."""
        seen: dict[str, list[int]] = {}
        for row in self.rows:
            versions = seen.setdefault(row.aggregate_id, [])
            if row.aggregate_version not in versions:
                versions.append(row.aggregate_version)
        return seen


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, name="sample")
    await create_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def uows(database: Database) -> UnitOfWorks[SampleUnitOfWork]:
    return UnitOfWorks(database, SampleUnitOfWork)


async def add(uows: UnitOfWorks[SampleUnitOfWork], name: str = "visitors") -> Counter:
    counter = Counter(project_id=new_id(), name=name)
    async with uows() as uow:
        await uow.counters.add(counter)
        await uow.publish(counter.raised())
    return counter


async def raise_slowly(uows: UnitOfWorks[SampleUnitOfWork], counter: UUID, *, most: float) -> bool:
    try:
        async with uows() as uow:
            found = await uow.counters.require(SYSTEM, counter)
            found.value += 1
            await uow.counters.save(found)
            await uow.publish(found.raised())
            await asyncio.sleep(random.random() * most)
    except (StaleVersionError, UnavailableError):
        return False
    return True


async def drained(database: Database) -> None:
    async with asyncio.timeout(30):
        while True:
            async with database.read() as connection:
                waiting = select(messaging.outbox.c.seq).where(messaging.outbox.c.published_at.is_(None)).limit(1)
                if (await connection.execute(waiting)).first() is None:
                    return
            await asyncio.sleep(0.05)


async def end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.promise("R3")
async def test_all_events_leave_in_order_although_relays_are_killed_and_commits_are_late(
    database: Database, uows: UnitOfWorks[SampleUnitOfWork], figures: Figures
) -> None:
    journal = Journal(flakiness=0.1)
    names = [await add(uows, f"c{number}") for number in range(4)]
    accepted = {str(counter.id): 1 for counter in names}
    stop, killed = asyncio.Event(), 0
    most = 0.03 if database.dialect == "postgresql" else 0.002

    async def writer() -> None:
        while not stop.is_set():
            counter = random.choice(names)
            if await raise_slowly(uows, counter.id, most=most):
                accepted[str(counter.id)] += 1

    async def relays() -> None:
        nonlocal killed
        while not stop.is_set():
            relay = Relay(database, messaging, journal, service="sample", lease=timedelta(seconds=0.6))
            relay._resign = _stay_elected  # type: ignore[method-assign] # a killed process cleans nothing up
            task = asyncio.create_task(relay.run())
            await asyncio.sleep(0.3 + random.random())
            await end(task)
            killed += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(writer())
        group.create_task(relays())
        await asyncio.sleep(5)
        stop.set()
    last = asyncio.create_task(Relay(database, messaging, journal, service="sample").run())
    await drained(database)
    await end(last)

    arrived = journal.first_versions()
    assert sum(accepted.values()) > 20
    assert {name: len(versions) for name, versions in arrived.items()} == accepted
    assert all(versions == sorted(versions) for versions in arrived.values())
    figures(
        f"{database.dialect}: {sum(accepted.values())} events of 8 writers, {killed} relays gone: all left, in order"
    )


async def _stay_elected() -> None:
    return None


async def test_a_commit_wakes_the_relay(database: Database, uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    journal = Journal()
    # With a poll of minutes only the commit itself can bring the relay to look.
    task = asyncio.create_task(Relay(database, messaging, journal, service="sample", poll=300).run())
    await add(uows, "first")
    await drained(database)

    for number in range(10):
        await asyncio.sleep(0.05)
        journal.arrived.clear()
        await add(uows, f"c{number}")
        async with asyncio.timeout(30):
            await journal.arrived.wait()

    await end(task)


@pytest.mark.postgres
async def test_a_commit_of_another_process_is_heard_of(postgres_url: str) -> None:
    here, there = Database.open(postgres_url, name="worker"), Database.open(postgres_url, name="api")
    await create_tables(here)
    journal = Journal()
    relay = Relay(here, messaging, journal, service="sample", poll=30)
    task = asyncio.create_task(relay.run())
    await asyncio.sleep(0.5)

    await add(UnitOfWorks(there, SampleUnitOfWork))

    async with asyncio.timeout(10):  # and not at its next look
        await journal.arrived.wait()
    await end(task)
    await here.close()
    await there.close()


async def test_nothing_is_lost_while_the_broker_is_away(
    database: Database, uows: UnitOfWorks[SampleUnitOfWork]
) -> None:
    journal = Journal()
    journal.away = True
    task = asyncio.create_task(Relay(database, messaging, journal, service="sample").run())
    for number in range(20):
        await add(uows, f"c{number}")
    await asyncio.sleep(0.5)
    assert journal.rows == []

    journal.away = False
    await drained(database)

    await end(task)
    assert len({row.event_id for row in journal.rows}) == 20


async def test_what_left_does_not_leave_again_while_there_is_no_room_to_say_so(postgres_url: str) -> None:
    database, journal = Database.open(postgres_url, name="sample"), Journal()
    await create_tables(database)
    relay = Relay(database, messaging, journal, service="sample")
    uows = UnitOfWorks(database, SampleUnitOfWork)
    await add(uows, "first")
    async with no_room(database, messaging.outbox, "UPDATE"):
        for _ in range(3):
            with pytest.raises(StorageFullError):
                await relay.publish_waiting()
        await add(uows, "second")

    assert (await relay.publish_waiting(), await relay.publish_waiting()) == (1, 0)

    assert len(journal.rows) == len({row.event_id for row in journal.rows}) == 2
    await database.close()


async def test_numbers_that_are_given_out_again_are_not_taken_for_what_has_left(postgres_url: str) -> None:
    database, journal = Database.open(postgres_url, name="sample"), Journal()
    await create_tables(database)
    relay = Relay(database, messaging, journal, service="sample")
    uows, outbox = UnitOfWorks(database, SampleUnitOfWork), messaging.outbox
    await add(uows, "lost")
    async with no_room(database, outbox, "UPDATE"):
        with pytest.raises(StorageFullError):
            await relay.publish_waiting()
    async with database.begin() as connection:  # as it was before the first one
        await connection.execute(delete(outbox))
    await add(uows, "again")
    async with database.begin() as connection:
        await connection.execute(update(outbox).values(seq=journal.rows[0].seq))

    assert await relay.publish_waiting() == 1

    assert len({row.event_id for row in journal.rows}) == 2
    await database.close()


async def test_only_one_of_two_relays_publishes_and_the_other_takes_over(
    database: Database, uows: UnitOfWorks[SampleUnitOfWork]
) -> None:
    journals = Journal(), Journal()
    tasks = [
        asyncio.create_task(
            Relay(database, messaging, each, service="sample", lease=timedelta(seconds=3), poll=0.02).run()
        )
        for each in journals
    ]
    for number in range(5):
        await add(uows, f"c{number}")
    await drained(database)
    active = next(index for index, journal in enumerate(journals) if journal.rows)
    assert not journals[1 - active].rows

    await end(tasks[active])
    await add(uows, "after")
    await drained(database)

    assert [row.aggregate_version for row in journals[1 - active].rows] == [1]
    await end(tasks[1 - active])


async def test_a_lease_is_held_by_one_until_it_is_released_or_over(database: Database) -> None:
    first, second = (
        Lease(database, messaging.leases, "relay", ttl=timedelta(seconds=ttl)) for ttl in (60, 0.5)
    )  # only the one that shall be over is short

    assert await first.hold()
    assert first.held
    assert not await second.hold()
    assert await first.hold()
    await first.release()
    assert await second.hold()
    await asyncio.sleep(0.6)
    assert not second.held
    assert await first.hold()


async def test_who_is_alone_does_not_wait_for_the_lease_of_a_dead_process(database: Database) -> None:
    ttl = timedelta(seconds=60)
    dead, new = (Lease(database, messaging.leases, "relay", ttl=ttl, alone=True) for _ in range(2))
    assert await dead.hold()

    async with asyncio.timeout(30):
        keeping = asyncio.create_task(new.keep())
        await new.until_held()

    assert not await Lease(database, messaging.leases, "relay", ttl=ttl).hold()
    await end(keeping)


async def test_the_sweep_keeps_a_week_and_what_has_not_left(
    database: Database, uows: UnitOfWorks[SampleUnitOfWork]
) -> None:
    for number in range(3):
        await add(uows, f"c{number}")
    outbox = messaging.outbox
    async with database.begin() as connection:
        for seq, age in ((1, 8), (2, 6)):
            moment = database_now(-timedelta(days=age))
            await connection.execute(update(outbox).where(outbox.c.seq == seq).values(published_at=moment))

    assert await sweep(database, outbox) == 1

    async with database.read() as connection:
        assert (await connection.execute(select(outbox.c.seq).order_by(outbox.c.seq))).scalars().all() == [2, 3]


@pytest.mark.promise("R5")
@pytest.mark.postgres
async def test_the_relay_outlives_a_restart_of_its_database(
    postgres_server: PostgresServer, postgres_url: str, figures: Figures
) -> None:
    database = Database.open(postgres_url, name="sample")
    await create_tables(database)
    uows, journal = UnitOfWorks(database, SampleUnitOfWork), Journal()
    task = asyncio.create_task(Relay(database, messaging, journal, service="sample").run())
    await add(uows, "before")
    await drained(database)

    postgres_server.stop()
    await asyncio.sleep(1)
    postgres_server.start()
    began = time.monotonic()
    await add(uows, "after")
    await drained(database)
    figures(f"outbox empty {time.monotonic() - began:.1f} s after a restart")

    assert not task.done()
    assert len({row.event_id for row in journal.rows}) == 2
    await end(task)
    await database.close()


async def test_a_row_keeps_the_trace_and_the_fields_of_its_event(
    database: Database, uows: UnitOfWorks[SampleUnitOfWork]
) -> None:
    counter = await add(uows)

    async with database.read() as connection:
        row = OutboxRow.of((await connection.execute(select(messaging.outbox))).mappings().one())

    assert (row.type, row.source, row.topic) == (
        "io.skyulf.counter.raised.v1",
        "/services/sample",
        "skyulf.counters.v1",
    )
    assert (row.aggregate_id, row.aggregate_version, row.project_id) == (str(counter.id), 1, counter.project_id)


class CounterDescribed(CounterRaised):
    """An event with a text."""

    text: str


async def test_the_limit_of_an_event_is_in_bytes_and_not_in_characters(uows: UnitOfWorks[SampleUnitOfWork]) -> None:
    raised = Counter(project_id=new_id()).raised()
    event = CounterDescribed(**dict(raised), text="ж" * (MAX_EVENT_BYTES * 3 // 4))

    with pytest.raises(TooLargeError):
        async with uows() as uow:
            await uow.publish(event)
