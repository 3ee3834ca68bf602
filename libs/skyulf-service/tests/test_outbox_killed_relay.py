"""The outbox is complete and ordered on Kafka, although the relay's process is killed again and again."""

import asyncio
import random
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from aiokafka import AIOKafkaConsumer
from harness.promises import Figures
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import StaleVersionError, UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.messaging.topics import ensure_topics
from skyulf_service.scope import Scope
from skyulf_service.testing.handles import KafkaBroker
from skyulf_service.testing.processes import kill_tree, spawn
from skyulf_service.testing.sample import TOPIC, Counter, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import func, select

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]
PROGRAM = Path(__file__).with_name("relay_program.py")


@pytest.mark.promise("R3")
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
async def test_nothing_is_missing_and_nothing_is_inverted(
    kafka_broker: KafkaBroker, postgres_url: str, tmp_path: Path, kills: int, figures: Figures
) -> None:
    await ensure_topics(kafka_broker.bootstrap, [TOPIC])
    database = Database.open(postgres_url, name="sample")
    await create_tables(database)
    uows = UnitOfWorks(database, SampleUnitOfWork)
    counters = [Counter(project_id=new_id(), name=f"c{number}") for number in range(5)]
    async with uows() as uow:
        for counter in counters:
            await uow.counters.add(counter)
    stop = asyncio.Event()
    accepted: dict[str, list[int]] = defaultdict(list)

    async def writer() -> None:
        while not stop.is_set():
            await raise_one(uows, random.choice(counters).id, accepted)

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(writer())
        for _ in range(kills):
            before = await published(database)
            async with killed_relay(postgres_url, kafka_broker.bootstrap, tmp_path):
                async with asyncio.timeout(30):
                    while await published(database) == before:
                        await asyncio.sleep(0.05)
                await asyncio.sleep(random.random() / 2)
        stop.set()
    total = sum(len(versions) for versions in accepted.values())
    async with killed_relay(postgres_url, kafka_broker.bootstrap, tmp_path), asyncio.timeout(30):
        while await published(database) < total:
            await asyncio.sleep(0.1)

    arrived = await first_versions(kafka_broker.bootstrap, set(accepted))
    figures(f"{total} events of 8 writers, {kills} relays killed: 0 missing, 0 out of order")
    assert total > 100
    assert arrived == {name: sorted(versions) for name, versions in accepted.items()}
    await database.close()


async def raise_one(uows: UnitOfWorks[SampleUnitOfWork], id: UUID, accepted: dict[str, list[int]]) -> None:
    try:
        async with uows() as uow:
            found = await uow.counters.require(Scope.system("sample"), id)
            found.value += 1
            await uow.counters.save(found)
            await uow.publish(found.raised())
            await asyncio.sleep(random.random() * 0.05)
    except (StaleVersionError, UnavailableError):
        return
    accepted[str(id)].append(found.version)


@asynccontextmanager
async def killed_relay(url: str, bootstrap: str, folder: Path) -> AsyncIterator[None]:
    """A relay's process, killed at the end of the block."""
    process = spawn([sys.executable, str(PROGRAM), url, bootstrap], log=folder / "relay.log")
    try:
        yield
    finally:
        await asyncio.to_thread(kill_tree, process)


async def published(database: Database) -> int:
    done = select(func.count()).where(messaging.outbox.c.published_at.is_not(None))
    async with database.read() as connection:
        return (await connection.execute(done)).scalar_one()


async def first_versions(bootstrap: str, counters: set[str]) -> dict[str, list[int]]:
    """The versions of the counters in the order of their first appearance in the topic."""
    consumer = AIOKafkaConsumer(TOPIC.name, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    seen: dict[str, list[int]] = defaultdict(list)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            batch = await consumer.getmany(timeout_ms=500)
            for record in [record for records in batch.values() for record in records]:
                name = record.key.decode()
                version = int(record.value.split(b'"aggregate_version":')[1].split(b",")[0])
                if name in counters and version not in seen[name]:
                    seen[name].append(version)
    finally:
        await consumer.stop()
    return dict(seen)
