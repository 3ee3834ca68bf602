"""A dead letter that was discarded: its event may come again, by the topic or by a feed, and has no effect any more."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from skyulf_service.database.engine import Database
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.http.catch_up import CatchUp, NeighbourFeed, connecting
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import SETTLED_KEPT
from skyulf_service.messaging.policy import Delivery, Retries
from skyulf_service.messaging.records import Record, record_of
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.neighbours import Neighbour, neighbour
from skyulf_service.testing.sample import Counter, CounterRaised, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import select, update

QUICK = Retries(transient=0.3, first_pause=0.01, longest_pause=0.05, handler=0.3, batch=2)
BAD = 13


@dataclass
class Sums:
    """A consumer that refuses one value until it is mended, and its delivery."""

    database: Database
    called: list[UUID] = field(default_factory=list)
    broken: bool = True

    def delivery(self) -> Delivery[SampleUnitOfWork]:
        """A delivery as a process that has just started has it."""
        consumers: Consumers[SampleUnitOfWork] = Consumers(group="sums")
        consumers.on(CounterRaised)(self.add_up)
        return Delivery(consumers, UnitOfWorks(self.database, SampleUnitOfWork), retries=QUICK)

    async def add_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        self.called.append(event.event_id)
        if event.value == BAD and self.broken:
            raise ValueError("thirteen brings bad luck")

    async def discard_all(self) -> int:
        """Discard as an operator does; returns how many there were."""
        delivery = self.delivery()
        found = (await delivery.dead_letters.list()).items
        for letter in found:
            await delivery.dead_letters.discard(letter.id, delivery)
        return len(found)

    async def rows(self) -> Sequence[tuple[bytes, object]]:
        async with self.database.read() as connection:
            table = messaging.dead_letters.c
            return [
                (row.value, row.replayed_at) for row in await connection.execute(select(table.value, table.replayed_at))
            ]


@pytest.fixture
async def sums(database_url: str) -> AsyncIterator[Sums]:
    opened = Database.open(database_url, name="sums")
    await create_tables(opened)
    yield Sums(opened)
    await opened.close()


def raised(value: int) -> CounterRaised:
    return Counter(project_id=new_id(), value=value).raised()


def record(event: CounterRaised, *, body: bytes | None = None) -> Record:
    row = OutboxRow(
        seq=1,
        event_id=event.event_id,
        topic=event.topic,
        type=event.ce_type(),
        source=event.source,
        data_schema=event.data_schema(),
        aggregate_id=event.subject,
        aggregate_version=event.aggregate_version,
        project_id=event.project_id,
        body=event.model_dump_json(),
        traceparent=None,
        occurred_at=event.occurred_at,
    )
    made = record_of(row)
    return made if body is None else replace(made, value=body)


@asynccontextmanager
async def published(folder: Path) -> AsyncIterator[tuple[Neighbour, InternalTokenIssuer]]:
    """A neighbour whose feed answers, and what proves to it who reads."""
    tokens = InternalTokenIssuer(load_or_create(folder / "keys", "sums"), "sums")
    async with neighbour("sample", keys=folder / "keys", folder=folder) as sample, sample.answering():
        yield sample, tokens


async def test_what_was_discarded_is_not_parked_again_when_a_restart_reads_the_feed_anew(
    sums: Sums, tmp_path: Path
) -> None:
    bad, kept = raised(BAD), raised(BAD)
    async with published(tmp_path) as (sample, tokens):

        async def restarted() -> None:
            feed = NeighbourFeed(connecting(sample.url, None), tokens, owner="sample", reader="sums")
            await CatchUp(feed, sums.delivery()).run_once()

        await sample.lose([bad, raised(1)])
        await restarted()
        assert await sums.discard_all() == 1
        await sample.lose([kept])
        sums.called.clear()
        await restarted()

        (letter,) = (await sums.delivery().dead_letters.list()).items
        assert letter.event_id == str(kept.event_id), "only the one that was not discarded"
        assert set(sums.called) == {kept.event_id}, "what was discarded costs no new attempts"
        assert await sums.discard_all() == 1
        sums.broken = False
        sums.called.clear()
        await restarted()
        assert (await sums.delivery().dead_letters.list()).items == []
        assert sums.called == [], "discarded is discarded, also once the handler is mended"


async def test_a_replay_of_another_letter_and_a_new_event_still_work(sums: Sums) -> None:
    first, second, third = raised(BAD), raised(BAD), raised(BAD)
    await sums.delivery().process([record(first), record(second)])
    delivery = sums.delivery()
    letters = {letter.event_id: letter.id for letter in (await delivery.dead_letters.list()).items}

    await delivery.dead_letters.discard(letters[str(first.event_id)], delivery)
    sums.broken = False
    sums.called.clear()
    await delivery.dead_letters.replay(letters[str(second.event_id)], delivery)
    await sums.delivery().process([record(first), record(second), record(third)])

    assert sums.called == [second.event_id, third.event_id], "the one that was replayed, and the new one"
    assert (await delivery.dead_letters.list()).items == []


@pytest.mark.parametrize("nameless", [False, True])
async def test_what_nobody_can_read_is_not_parked_again_either(sums: Sums, nameless: bool) -> None:
    garbage = record(raised(1), body=b"{ \xff")
    if nameless:
        garbage = replace(garbage, headers=[each for each in garbage.headers if each[0] != "ce_id"])
    await sums.delivery().process([garbage])
    assert await sums.discard_all() == 1

    await sums.delivery().process([garbage])

    assert await sums.discard_all() == 0
    assert [value for value, _ in await sums.rows()] == [b""], "its bytes are forgotten"
    await sums.delivery().process([replace(garbage, value=b"{ other")])
    assert await sums.discard_all() == 1, "another record is parked"


async def test_garbage_that_bears_the_id_of_an_event_does_not_take_the_event_away(sums: Sums) -> None:
    event = raised(7)
    await sums.delivery().process([record(event, body=b"garbage")])
    assert await sums.discard_all() == 1

    await sums.delivery().process([record(event)])

    assert sums.called == [event.event_id]


async def test_what_was_taken_off_is_remembered_for_a_while_and_not_for_ever(sums: Sums) -> None:
    await sums.delivery().process([record(raised(BAD)) for _ in range(3)])
    delivery, table = sums.delivery(), messaging.dead_letters
    waiting, new, old = (letter.id for letter in (await delivery.dead_letters.list()).items)
    for letter in (new, old):
        await delivery.dead_letters.discard(letter, delivery)
    long_ago = utc_now() - SETTLED_KEPT - timedelta(minutes=1)
    async with sums.database.begin() as connection:
        await connection.execute(update(table).values(parked_at=long_ago))
        await connection.execute(update(table).where(table.c.id == old).values(replayed_at=long_ago))

    await delivery.dead_letters.sweep()

    async with sums.database.read() as connection:
        assert set(await connection.scalars(select(table.c.id))) == {waiting, new}
