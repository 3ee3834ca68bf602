"""Services of one process: the outbox of one reaches the handlers of all, and a bad handler stalls nobody."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.in_process import InProcessTransport
from skyulf_service.messaging.policy import Delivery, Retries
from skyulf_service.outbox.relay import Relay
from skyulf_service.testing.sample import (
    Counter,
    CounterRaised,
    SampleUnitOfWork,
    create_tables,
    effects,
    messaging,
)
from sqlalchemy import func, select


class Part:
    """One of the services of the process: a database, handlers, a delivery."""

    def __init__(self, name: str, folder: Path, *, retries: Retries | None = None) -> None:
        self.name = name
        self.database = Database.open(f"sqlite+aiosqlite:///{folder / name}.sqlite3", name=name)
        self.uows = UnitOfWorks(self.database, SampleUnitOfWork)
        self.consumers: Consumers[SampleUnitOfWork] = Consumers(group=name)
        self.consumers.on(CounterRaised)(self.add_up)
        self.delivery = Delivery(self.consumers, self.uows, retries=retries)
        self.failure: Exception | None = None
        self.answers = False
        self.handled_at: dict[object, float] = {}

    async def add_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        if self.failure is not None:
            raise self.failure
        await uow.note("add_up", event)
        if self.answers and event.value == 0:
            await uow.publish(Counter(project_id=event.project_id, value=1).raised())
        self.handled_at[event.event_id] = time.monotonic()

    async def publish(self, value: int) -> CounterRaised:
        event = Counter(project_id=new_id(), value=value).raised()
        async with self.uows() as uow:
            await uow.publish(event)
        return event

    async def waiting(self) -> int:
        unpublished = select(func.count()).where(messaging.outbox.c.published_at.is_(None))
        async with self.database.read() as connection:
            return (await connection.execute(unpublished)).scalar_one()

    async def drained(self) -> None:
        async with asyncio.timeout(15):
            while await self.waiting():
                await asyncio.sleep(0.01)


@pytest.fixture
async def parts(tmp_path: Path) -> AsyncIterator[list[Part]]:
    quick = Retries(transient=0.5, first_pause=0.01)
    found = [Part(name, tmp_path, retries=quick) for name in ("ingestion", "pipeline", "registry")]
    for part in found:
        await create_tables(part.database)
    yield found
    for part in found:
        await part.database.close()


@asynccontextmanager
async def running(parts: list[Part]) -> AsyncIterator[InProcessTransport]:
    transport = InProcessTransport()
    for part in parts:
        transport.register(part.delivery)
    relays = [Relay(part.database, messaging, transport, service=part.name) for part in parts]
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield transport
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_an_event_reaches_all_services_within_milliseconds(parts: list[Part]) -> None:
    async with running(parts):
        await parts[0].publish(5)
        await parts[0].drained()
        took = []
        for value in range(20, 40):
            began = time.monotonic()
            event = await parts[0].publish(value)
            await parts[0].drained()
            took.append(max(part.handled_at[event.event_id] for part in parts) - began)

    print("commit to the last effect, seconds:", sorted(round(each, 4) for each in took))
    assert sorted(took)[4] < 0.1  # the fastest: a busy machine says nothing about us
    for part in parts:
        assert len(await effects(part.database)) == 21


async def test_answers_go_round_and_end(parts: list[Part]) -> None:
    parts[1].answers = True

    async with running(parts):
        for _ in range(30):
            await parts[0].publish(0)
        await parts[0].drained()
        await parts[1].drained()

    for part in parts:
        assert len({effect[1] for effect in await effects(part.database)}) == 60
        assert len(await effects(part.database)) == 60


async def test_a_failing_service_is_parked_and_the_others_go_on(parts: list[Part]) -> None:
    parts[1].failure = ValueError("broken")
    parts[2].failure = UnavailableError("its neighbour is away")

    async with running(parts):
        began = time.monotonic()
        for value in range(5):
            await parts[0].publish(value)
        await parts[0].drained()
        took = time.monotonic() - began

    assert took < 8
    assert len(await effects(parts[0].database)) == 5
    for part in parts[1:]:
        assert len((await part.delivery.dead_letters.list()).items) == 5
    parts[1].failure = None
    for letter in (await parts[1].delivery.dead_letters.list()).items:
        await parts[1].delivery.dead_letters.replay(letter.id, parts[1].delivery)
    assert len(await effects(parts[1].database)) == 5


async def test_rows_stay_until_a_receivers_database_is_back(parts: list[Part], monkeypatch: pytest.MonkeyPatch) -> None:
    away = UnavailableError("the database is away")

    async def refuse(_records: object) -> None:
        raise away

    async with running(parts):
        with monkeypatch.context() as patch:
            patch.setattr(parts[1].delivery, "process", refuse)
            await parts[0].publish(1)
            await asyncio.sleep(0.5)
            assert await parts[0].waiting() == 1
            assert len(await effects(parts[2].database)) == 1
        await parts[0].drained()

    for part in parts:
        assert len(await effects(part.database)) == 1


async def test_what_a_crash_left_behind_is_delivered_at_the_next_start(parts: list[Part]) -> None:
    events = [await parts[0].publish(value) for value in range(3)]
    transport = InProcessTransport()
    transport.register(parts[1].delivery)
    relay = Relay(parts[0].database, messaging, transport, service="ingestion")

    assert await relay.publish_waiting() == 3
    async with parts[0].database.begin() as connection:  # as if it had died before it could mark them
        await connection.execute(messaging.outbox.update().values(published_at=None))
    async with running(parts):
        await parts[0].drained()

    for part in parts:
        assert sorted(effect[1] for effect in await effects(part.database)) == sorted(e.event_id for e in events)
