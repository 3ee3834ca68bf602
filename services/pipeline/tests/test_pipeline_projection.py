"""The copy of the datasets: events twice, late, shuffled; and the schema of the database."""

import asyncio
import json
import random
from pathlib import Path
from uuid import UUID

import pytest
from harness.promises import Figures
from pipeline_street import Street, created, deleted, failed, open_street, profiled
from skyulf_events import Event
from skyulf_pipeline.main import worker_tasks
from skyulf_pipeline.persistence.tables import datasets, messaging, metadata
from skyulf_service.database.migrations import differences
from skyulf_service.ids import new_id
from skyulf_service.messaging.records import Record
from skyulf_service.settings import SharedSettings
from skyulf_service.testing.neighbours import in_background, neighbour
from skyulf_service.testing.records import record_of_event
from sqlalchemy import select


async def state(street: Street) -> list[tuple[object, ...]]:
    async with street.parts.database.read() as connection:
        rows = await connection.execute(select(datasets).order_by(datasets.c.dataset_id, datasets.c.number))
        return [tuple(json.dumps(value, sort_keys=True, default=str) for value in row) for row in rows]


def history(a: UUID, b: UUID, c: UUID) -> list[Event]:
    return [
        created(a),
        profiled(dataset_id=a, rows=10, order=2),
        created(a, version=2, order=3),
        profiled(dataset_id=a, version=2, rows=20, order=4),
        created(b),
        failed(b),
        profiled(dataset_id=b, rows=5, order=3, name="renamed"),
        created(c),
        profiled(dataset_id=c, rows=7, order=2),
        profiled(dataset_id=c, version=2, rows=8, order=4),
        deleted(c, version=2, order=5),
    ]


async def made_of(events: list[Event], folder: Path) -> list[tuple[object, ...]]:
    """The rows that events make where each of them comes once and in its turn."""
    async with open_street(f"sqlite+aiosqlite:///{folder / 'plain.sqlite3'}", folder / "plain") as plain:
        await plain.deliver(*events)
        found = await state(plain)
    assert len(found) == 4
    return found


@pytest.mark.promise("R14")
async def test_order_and_duplicates_do_not_matter(street: Street, tmp_path: Path, figures: Figures) -> None:
    events = history(new_id(), new_id(), new_id())
    expected = await made_of(events, tmp_path)

    shuffled = events * 3
    random.Random(11).shuffle(shuffled)
    for event in shuffled:
        await street.deliver(event)

    assert await state(street) == expected
    figures(f"{len(events)} events of datasets, tripled and shuffled: {len(expected)} rows, all equal")


@pytest.mark.promise("R14")
@pytest.mark.parametrize("seed", range(8))
async def test_every_order_ends_in_the_same_state(lane: Street, seed: int, tmp_path: Path, figures: Figures) -> None:
    events = history(new_id(), new_id(), new_id())
    expected = await made_of(events, tmp_path)
    random.Random(seed).shuffle(events)
    await lane.deliver(*events)

    found = await state(lane)
    assert found == expected
    assert sum("deleted" in row[4] for row in found) == 1
    assert sum("ready" in row[4] for row in found) == 3
    figures(f"another order of {len(events)} events: the same {len(found)} rows")


async def test_poison_is_parked_and_stops_nobody(street: Street) -> None:
    good = profiled(rows=3)
    bad = record_of_event(profiled(rows=3))
    broken = [
        Record(bad.topic, bad.key, b"{not json", bad.headers, offset=7),
        Record(bad.topic, bad.key, bad.value.replace(b'"rows":3', b'"rows":-3'), bad.headers, offset=8),
        Record(bad.topic, bad.key, b"", (), offset=9),
    ]
    await street.delivery.process([*broken, record_of_event(good, seq=10)])

    assert len(await state(street)) == 1
    async with street.parts.database.read() as connection:
        parked = (await connection.execute(select(messaging.dead_letters))).all()
    assert len(parked) == 3


@pytest.mark.promise("R15")
async def test_missed_events_are_read_from_ingestion_itself_once_it_is_back(
    database_url: str, tmp_path: Path, figures: Figures
) -> None:
    events = history(new_id(), new_id(), new_id())
    async with neighbour("ingestion", keys=tmp_path / "keys", folder=tmp_path) as ingestion:
        shared = SharedSettings(home=tmp_path, profile="testing", form="distributed", ingestion_url=ingestion.url)
        async with open_street(database_url, tmp_path, shared=shared, catch_up_seconds=0.05) as street:
            await street.deliver(events[1])
            await ingestion.lose(events)
            async with in_background(worker_tasks(street.parts)):
                assert len(await state(street)) == 1, "ingestion is away, which stops nothing"
                async with ingestion.answering(), asyncio.timeout(20):
                    while len(await handled(street)) < len(events):
                        await asyncio.sleep(0.02)

            assert await state(street) == await made_of(events, tmp_path)
    figures(f"pipeline: {len(events) - 1} of {len(events)} events missed, all read from ingestion")


async def handled(street: Street) -> list[UUID]:
    async with street.parts.database.read() as connection:
        return list(await connection.scalars(select(messaging.inbox.c.event_id)))


async def test_the_migrations_make_the_declared_tables(street: Street) -> None:
    assert await differences(street.parts.database, metadata) == []
