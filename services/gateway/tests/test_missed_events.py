"""Events that the broker never delivered come into the log from whoever published them, the gateway among them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from gateway_stream import created, record
from harness.promises import Figures
from prometheus_client import REGISTRY
from skyulf_events import DeploymentReady, Event, ModelUndeployed, ProjectCreated
from skyulf_gateway.consumers import consumers
from skyulf_gateway.domain.log import EventFilter, LoggedEvent
from skyulf_gateway.main import SERVICE, catch_up
from skyulf_gateway.persistence.tables import event_log, feed_marks, messaging
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_gateway.runtime.feed import Feed
from skyulf_gateway.service.event_log import StoredLog, forget_old_events
from skyulf_service.composition import Parts
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.policy import Delivery
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.neighbours import Neighbour, in_background, neighbour
from sqlalchemy import delete, select, update

NEIGHBOURS = ("ingestion", "pipeline", "registry", "inference")
TURN = 0.05


@dataclass
class Worker:
    """A gateway's worker without a broker, and the services that it may ask."""

    parts: Parts[GatewayUnitOfWork]
    neighbours: dict[str, Neighbour]
    project: UUID

    @property
    def log(self) -> StoredLog:
        return StoredLog(self.parts.uows)

    async def deliver(self, *events: Event) -> None:
        """Hand events on as the broker does."""
        await Delivery(consumers, self.parts.uows).process([record(event) for event in events])

    async def logged(self) -> list[UUID]:
        return [event.event_id for event in await self.log.after(0, limit=1000)]

    async def until_logged(self, events: Sequence[Event]) -> None:
        async with asyncio.timeout(20):
            while set(await self.logged()) != {event.event_id for event in events}:
                await asyncio.sleep(0.02)

    async def read_ingestion(self) -> None:
        """Read what ingestion offers to its end, as a worker does that has just started."""
        async with self.neighbours["ingestion"].answering():
            (sweep,) = (each for each in catch_up(self.parts) if each.name == "catch-up ingestion")
            await sweep.run()

    async def lose_own(self, event: Event) -> None:
        """Publish an event of the gateway that arrives nowhere."""
        async with self.parts.uows() as uow:
            await uow.publish(event)
            await uow.connection.execute(update(messaging.outbox).values(published_at=utc_now()))


@pytest.fixture
async def worker(database_url: str, tmp_path: Path) -> AsyncIterator[Worker]:
    async with AsyncExitStack() as stack:
        found = {
            name: await stack.enter_async_context(neighbour(name, keys=tmp_path / "keys", folder=tmp_path))
            for name in NEIGHBOURS
        }
        shared = SharedSettings(
            home=tmp_path, profile="testing", form="distributed",
            ingestion_url=found["ingestion"].url, pipeline_url=found["pipeline"].url,
            registry_url=found["registry"].url, inference_url=found["inference"].url,
        )  # fmt: skip
        known = {"shared": shared, "database_url": database_url, "catch_up_seconds": TURN, "event_retention_days": 1}
        parts = SERVICE.open(SERVICE.settings(**known))
        stack.push_async_callback(parts.close)
        await SERVICE.prepare(parts)
        yield Worker(parts, found, new_id())


@pytest.mark.promise("R15")
async def test_what_nobody_told_of_is_logged_once_behind_what_is_there(worker: Worker, figures: Figures) -> None:
    heard, missed = [created(worker.project) for _ in range(3)], [created(worker.project) for _ in range(250)]
    others = [ready(worker.project), undeployed(worker.project)]
    mine = ProjectCreated(
        event_id=new_id(), project_id=worker.project, aggregate_version=1, occurred_at=utc_now(),
        slug="lost", name="Lost",
    )  # fmt: skip
    await worker.deliver(heard[0], heard[2])  # the second one is a hole
    await worker.neighbours["ingestion"].lose([*heard, *missed])
    await worker.neighbours["inference"].lose(others[:1])
    await worker.neighbours["registry"].lose(others[1:])
    await worker.lose_own(mine)

    began = time.monotonic()
    async with AsyncExitStack() as stack:
        for each in worker.neighbours.values():
            await stack.enter_async_context(each.answering())
        await stack.enter_async_context(in_background(SERVICE.worker_background(worker.parts)))
        await worker.until_logged([*heard, *missed, *others, mine])
    seconds = time.monotonic() - began

    found = await worker.log.after(0, limit=1000)
    assert [event.seq for event in found] == list(range(1, 3 + 250 + 2 + 1 + 1))
    from_ingestion = [event.event_id for event in found if event.source == "/services/ingestion"]
    assert from_ingestion == [event.event_id for event in (heard[0], heard[2], heard[1], *missed)]
    figures(f"gateway: {len(found) - 2} of {len(found)} events missed, all logged {seconds:.1f} s after the return")


@pytest.mark.promise("R15")
async def test_a_service_that_is_away_stops_nobody_and_is_read_when_it_is_back(worker: Worker) -> None:
    of_ingestion, of_inference = created(worker.project), ready(worker.project)
    await worker.neighbours["ingestion"].lose([of_ingestion])
    await worker.neighbours["inference"].lose([of_inference])

    async with in_background(SERVICE.worker_background(worker.parts)):
        async with worker.neighbours["ingestion"].answering():
            await worker.until_logged([of_ingestion])
        async with worker.neighbours["inference"].answering():
            await worker.until_logged([of_ingestion, of_inference])


async def test_a_reader_of_events_that_comes_back_gets_what_came_late(worker: Worker) -> None:
    first, late, last = (created(worker.project) for _ in range(3))
    await worker.deliver(first, last)
    await worker.neighbours["ingestion"].lose([first, late, last])
    await worker.read_ingestion()

    feed = Feed(worker.log)
    polling = asyncio.create_task(feed.run())
    seen = [each async for each in _first(feed, worker.project, after=2)]
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)

    assert [(event.seq, event.event_id) for event in seen] == [(3, late.event_id)]


async def test_a_worker_that_starts_again_goes_on_at_the_mark(worker: Worker) -> None:
    first, second = created(worker.project), created(worker.project)
    await worker.neighbours["ingestion"].lose([first])
    await worker.read_ingestion()
    await worker.deliver(second)
    await worker.neighbours["ingestion"].lose([second])
    await worker.read_ingestion()
    async with worker.parts.uows() as uow:  # were the feed read from its beginning, both would be logged anew
        await uow.connection.execute(delete(event_log))
        await uow.connection.execute(delete(messaging.inbox))

    await worker.read_ingestion()

    assert await worker.logged() == []
    async with worker.parts.database.read() as connection:
        (mark,) = (await connection.execute(select(feed_marks))).all()
    assert tuple(mark) == ("ingestion", 2, str(second.event_id))


async def test_what_the_log_has_forgotten_does_not_return(worker: Worker) -> None:
    forgotten, old, young = created(worker.project), before(worker.project, days=2), before(worker.project, days=0.5)
    await worker.deliver(forgotten)
    await forget_old_events(worker.parts.uows, keep=timedelta(seconds=-5))
    await worker.neighbours["ingestion"].lose([forgotten, old, young])

    await worker.read_ingestion()

    assert await worker.logged() == [young.event_id], "the log keeps a day"


async def test_the_same_events_at_the_same_time_by_two_ways_do_not_lock_each_other_out(worker: Worker) -> None:
    events, before = [created(worker.project) for _ in range(400)], handled()

    for start in range(0, len(events), 50):
        part = events[start : start + 50]
        await asyncio.gather(worker.deliver(*part), worker.deliver(*reversed(part)))

    assert handled() - before == len(events), "no transaction was rolled back and tried again"
    assert sorted(await worker.logged()) == sorted(event.event_id for event in events)


async def test_in_one_process_nothing_is_asked(sqlite_url: str, tmp_path: Path) -> None:
    shared = SharedSettings(home=tmp_path, profile="testing")
    parts = SERVICE.open(SERVICE.settings(shared=shared, database_url=sqlite_url))

    assert [name for name, _ in SERVICE.worker_background(parts)] == ["retention"]
    await parts.close()


def handled() -> float:
    """How often the handler was called."""
    return REGISTRY.get_sample_value("skyulf_event_handling_seconds_count", {"consumer": "gateway.log_event"}) or 0.0


def ready(project: UUID) -> Event:
    return DeploymentReady(
        event_id=uuid4(), project_id=project, aggregate_version=2, occurred_at=datetime.now(UTC), serving_id=uuid4(),
        deployment_id=uuid4(), name="flights", revision=1, replicas=2, digest="ab" * 32, model="m", model_version=1,
    )  # fmt: skip


def undeployed(project: UUID) -> Event:
    return ModelUndeployed(
        event_id=uuid4(), project_id=project, aggregate_version=3, occurred_at=datetime.now(UTC),
        deployment_id=uuid4(), name="flights", revision=2,
    )  # fmt: skip


def before(project: UUID, *, days: float) -> Event:
    return created(project).model_copy(update={"occurred_at": utc_now() - timedelta(days=days)})


async def _first(feed: Feed, project: UUID, *, after: int) -> AsyncIterator[LoggedEvent]:
    """What a follower gets first of all."""
    async for each in feed.follow(EventFilter(project), after):
        if isinstance(each, LoggedEvent):
            yield each
            return
