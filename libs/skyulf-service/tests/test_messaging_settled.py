"""A dead letter whose event was handled meanwhile: nothing is left to do, so it leaves the list by itself."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import pytest
from skyulf_service.composition import Parts, Service
from skyulf_service.ids import new_id
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import DeadLetter
from skyulf_service.messaging.parked import Parked
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import STRUCTURED, Record, id_of
from skyulf_service.settings import ServiceSettings, SharedSettings
from skyulf_service.testing.neighbours import in_background
from skyulf_service.testing.records import record_of_event
from skyulf_service.testing.sample import Counter, CounterRaised, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import select, update


class SumsSettings(ServiceSettings):
    service_name: ClassVar[str] = "sums"


@dataclass
class Sums:
    """A service with two handlers of one event, the first of which fails until it is mended."""

    called: list[UUID] = field(default_factory=list)
    broken: bool = True
    consumers: Consumers[SampleUnitOfWork] = field(default_factory=lambda: Consumers(group="sums"))
    parts: Parts[SampleUnitOfWork] = field(init=False)

    def __post_init__(self) -> None:
        self.consumers.on(CounterRaised)(self.add_up)
        self.consumers.on(CounterRaised)(self.count)
        self.service = Service(
            name="sums", package="skyulf_service", unit_of_work=SampleUnitOfWork, settings=SumsSettings,
            consumers=self.consumers, messaging=messaging, routers=lambda _parts: [],
        )  # fmt: skip

    async def add_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        if self.broken:
            raise ValueError("no head for figures today")
        self.called.append(event.event_id)

    async def count(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        pass

    def delivery(self) -> Delivery[SampleUnitOfWork]:
        """A delivery as a process that has just started has it."""
        return self.service.delivery(self.parts)

    async def fail(self, *records: Record) -> None:
        self.broken = True
        await self.delivery().process(records)
        self.broken = False

    async def listed(self) -> Sequence[DeadLetter]:
        return (await self.delivery().dead_letters.list()).items


@pytest.fixture
async def sums(database_url: str, tmp_path: Path) -> AsyncIterator[Sums]:
    made = Sums()
    shared = SharedSettings(home=tmp_path, profile="testing")
    made.parts = made.service.open(SumsSettings.model_validate({"shared": shared, "database_url": database_url}))
    await create_tables(made.parts.database)
    yield made
    await made.parts.close()


def event_record() -> Record:
    return record_of_event(Counter(project_id=new_id(), value=1).raised())


def structured(record: Record, *, ce_id: str | None = None) -> Record:
    """The same event in one piece, as others may send it; with a header that nothing asks for where one is given."""
    envelope = {
        "specversion": "1.0",
        "source": "/services/sample",
        "id": id_of(record),
        "type": CounterRaised.ce_type(),
    }
    body = json.dumps({**envelope, "data": json.loads(record.value)}).encode()
    named = [] if ce_id is None else [("ce_id", ce_id.encode())]
    return replace(record, value=body, headers=[("content-type", STRUCTURED.encode()), *named])


async def test_what_was_handled_after_all_leaves_the_list_while_its_worker_works(sums: Sums) -> None:
    record = event_record()
    await sums.fail(record)
    await sums.delivery().process([record])  # it comes again, by a feed or by a topic that is read anew
    (letter,) = await sums.listed()
    assert id_of(record) == letter.event_id

    async with in_background([("housekeeping", sums.service.housekeeping(sums.parts, sums.delivery()))]):
        async with asyncio.timeout(20):
            while await sums.listed():
                await asyncio.sleep(0.02)

    await sums.delivery().process([record])
    assert (len(sums.called), await sums.listed()) == (1, []), "nobody was called for it, and it is not parked again"
    async with sums.parts.database.read() as connection:
        (kept,) = (await connection.execute(select(messaging.dead_letters))).all()
    assert kept.value == record.value, "kept for a while as what was replayed is, not emptied as what was discarded is"
    assert "no head for figures" in kept.error
    assert kept.replayed_at is not None


async def test_what_nobody_has_handled_keeps_waiting(sums: Sums) -> None:
    failed, handled = event_record(), event_record()
    await sums.fail(failed)
    await sums.delivery().process([handled])
    before = await sums.listed()
    assert [letter.consumer for letter in before] == ["sums.add_up"]
    assert await sums.delivery().settling.run_once() == 0
    await sums.delivery().dead_letters.park(Parked(failed, "sums.count", "transient", "somebody was faster"))

    assert await sums.delivery().settling.run_once() == 1

    assert await sums.listed() == before, "that the other handler has it is no reason"


@pytest.mark.parametrize("page", [1, 2, 500])
async def test_all_that_wait_are_looked_at_however_many_they_are(sums: Sums, page: int) -> None:
    records = [event_record() for _ in range(5)]
    await sums.fail(*records)
    await sums.delivery().process([records[0], records[3], records[4]])

    assert await sums.delivery().settling.run_once(page=page) == 3

    assert {letter.event_id for letter in await sums.listed()} == {id_of(records[1]), id_of(records[2])}


async def test_what_was_parked_after_another_worker_had_handled_it_leaves_too(sums: Sums) -> None:
    record, sums.broken = event_record(), False
    await sums.delivery().process([record])
    await sums.delivery().dead_letters.park(Parked(record, "sums.add_up", "transient", "somebody was faster"))

    assert await sums.delivery().settling.run_once() == 1

    assert await sums.listed() == []


async def test_two_workers_at_once_take_a_letter_off_once(sums: Sums) -> None:
    records = [event_record() for _ in range(5)]
    await sums.fail(*records)
    await sums.delivery().process(records)

    settled = await asyncio.gather(*(sums.delivery().settling.run_once() for _ in range(4)))

    assert (sum(settled), await sums.listed()) == (5, [])


async def test_garbage_that_bears_the_id_of_a_handled_event_keeps_waiting(sums: Sums) -> None:
    record, sums.broken = event_record(), False
    await sums.delivery().process([record, replace(record, value=b"{}")])

    assert await sums.delivery().settling.run_once() == 0

    assert {letter.reason for letter in await sums.listed()} == {"wrong-schema"}


async def test_an_event_in_one_piece_leaves_as_others_do(sums: Sums) -> None:
    record, handled = event_record(), event_record()
    whole = structured(record, ce_id=id_of(handled))
    await sums.fail(whole)
    await sums.delivery().process([handled])
    (letter,) = await sums.listed()
    assert letter.event_id == id_of(record), "its own id, and none that stands beside it"
    assert await sums.delivery().settling.run_once() == 0

    await sums.delivery().process([whole])

    assert await sums.delivery().settling.run_once() == 1


async def test_a_letter_that_was_listed_under_another_events_id_keeps_waiting(sums: Sums) -> None:
    record, handled = structured(event_record()), event_record()
    await sums.fail(record)
    async with sums.parts.database.begin() as connection:  # as releases before have listed what bore two ids
        await connection.execute(update(messaging.dead_letters).values(event_id=id_of(handled)))
    await sums.delivery().process([handled])

    assert await sums.delivery().settling.run_once() == 0

    assert [letter.consumer for letter in await sums.listed()] == ["sums.add_up"]
