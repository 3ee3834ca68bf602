"""What a service has published is read again: from a mark on, and from the beginning where the mark is of no use."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from skyulf_events import Event
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.http.catch_up import CatchUp, OwnFeed
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.marks import Mark, Marks
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record
from skyulf_service.testing.neighbours import Neighbour, neighbour
from skyulf_service.testing.records import record_of_event
from skyulf_service.testing.sample import Counter, CounterRaised, SampleUnitOfWork, create_tables
from sqlalchemy import delete, text, update

PAGE = 200
NOWHERE = "postgresql+asyncpg://nobody@127.0.0.1:1/nowhere"


@dataclass
class Asked:
    """A feed that notes behind which numbers it was asked."""

    feed: OwnFeed
    positions: list[int] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.feed.owner

    async def after(self, position: int) -> tuple[Sequence[Record], int]:
        self.positions.append(position)
        return await self.feed.after(position)


@dataclass
class Kept:
    """Marks that outlive the one who reads."""

    marks: dict[str, Mark] = field(default_factory=dict)

    async def find(self, owner: str) -> Mark:
        return self.marks.get(owner, Mark())

    async def put(self, owner: str, mark: Mark) -> None:
        self.marks[owner] = mark


@dataclass
class Reader:
    """A consumer of counters, what it was called for, and where it reads."""

    database: Database
    neighbour: Neighbour
    called: list[UUID] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)

    async def note(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        self.called.append(event.event_id)

    def delivery(self) -> Delivery[SampleUnitOfWork]:
        consumers: Consumers[SampleUnitOfWork] = Consumers(group="reader")
        consumers.on(CounterRaised)(self.note)
        return Delivery(consumers, UnitOfWorks(self.database, SampleUnitOfWork))

    async def start(self, *, marks: Marks | None = None) -> list[int]:
        """Read as a process does that has just started; returns behind which numbers it has asked."""
        outbox = self.neighbour.outbox
        feed = Asked(OwnFeed(outbox.database, outbox.kind.tables.outbox, owner="sample"))
        await CatchUp(feed, self.delivery(), marks=marks).run_once()
        return feed.positions


@pytest.fixture
async def reader(database_url: str, tmp_path: Path) -> AsyncIterator[Reader]:
    opened = Database.open(database_url, name="reader")
    await create_tables(opened)
    async with neighbour("sample", keys=tmp_path / "keys", folder=tmp_path) as sample:
        yield Reader(opened, sample)
    await opened.close()


def raised(count: int) -> list[Event]:
    return [Counter(project_id=new_id(), value=value).raised() for value in range(count)]


def ids(events: Sequence[Event]) -> list[UUID]:
    return [event.event_id for event in events]


async def test_a_new_process_goes_on_at_the_mark(reader: Reader) -> None:
    events = raised(PAGE + 5)
    await reader.neighbour.lose(events[:PAGE])
    first = await reader.start(marks=reader.kept)
    await reader.neighbour.lose(events[PAGE:])

    again = await reader.start(marks=reader.kept)
    idle = await reader.start(marks=reader.kept)

    assert (first, again, idle) == ([0, PAGE], [PAGE - 1, PAGE + 5], [PAGE + 4, PAGE + 5])
    assert reader.called == ids(events)


async def test_without_marks_a_new_process_begins_at_the_beginning_and_handles_nothing_again(reader: Reader) -> None:
    events = raised(3)
    await reader.neighbour.lose(events)
    await reader.start()

    assert await reader.start() == [0, 3]
    assert reader.called == ids(events)


@pytest.mark.parametrize("since", [7, 1], ids=["it has come further", "it has not come as far again"])
async def test_a_neighbour_that_gives_numbers_out_again_is_read_from_the_beginning(reader: Reader, since: int) -> None:
    before, after = raised(5), raised(since)
    await reader.neighbour.lose(before)
    await reader.start(marks=reader.kept)

    await restored_to(reader.neighbour, seq=2)
    await reader.neighbour.lose(after)
    await reader.start(marks=reader.kept)

    assert reader.called == ids([*before, *after])
    assert reader.kept.marks["sample"] == Mark(2 + since, str(after[-1].event_id))


async def test_a_mark_that_the_feed_no_longer_reaches_hides_nothing(reader: Reader) -> None:
    old, new = raised(4), raised(3)
    await reader.neighbour.lose(old)
    await reader.start(marks=reader.kept)
    await told(reader.neighbour, timedelta(days=8), after=0)
    await reader.neighbour.lose(new)
    await told(reader.neighbour, timedelta(seconds=6), after=4)  # the gap before them is no open transaction

    await reader.start(marks=reader.kept)

    assert reader.called == ids([*old, *new])


async def test_large_events_come_in_small_pages(reader: Reader) -> None:
    events = raised(20)
    await reader.neighbour.lose(events)
    async with reader.neighbour.outbox() as uow:
        outbox, padding = uow.tables.outbox, " " * (300 << 10)
        await uow.connection.execute(update(outbox).values(body=outbox.c.body + padding))

    assert await reader.start() == [0, 13, 20]
    assert reader.called == ids(events)


async def test_a_mark_is_kept_only_for_what_was_handled(reader: Reader) -> None:
    await reader.neighbour.lose(raised(3))
    away = replace(reader, database=Database.open(NOWHERE, name="away"))

    with pytest.raises(UnavailableError):
        await away.start(marks=reader.kept)

    assert reader.kept.marks == {}


async def test_what_was_handled_is_left_out_by_one_question(reader: Reader) -> None:
    events = raised(4)
    delivery, records = reader.delivery(), [record_of_event(event) for event in events]
    await delivery.process(records[1:3])

    assert await delivery.unhandled(records) == [records[0], records[3]]
    assert await delivery.unhandled(records[1:3]) == []


async def test_what_does_not_say_what_it_is_is_not_left_out(reader: Reader) -> None:
    strange = [Record("t", None, b"{}", ()), Record("t", None, b"{}", (("ce_type", b"x"), ("ce_id", b"no id")))]

    assert await reader.delivery().unhandled(strange) == strange


async def told(sample: Neighbour, since: timedelta, *, after: int) -> None:
    """Let events behind a number have been published so long ago."""
    async with sample.outbox() as uow:
        outbox = uow.tables.outbox
        await uow.connection.execute(update(outbox).where(outbox.c.seq > after).values(published_at=utc_now() - since))


async def restored_to(sample: Neighbour, *, seq: int) -> None:
    """Bring its outbox back to a state in which it had published so many."""
    async with sample.outbox() as uow:
        outbox = uow.tables.outbox
        await uow.connection.execute(delete(outbox).where(outbox.c.seq > seq))
        await uow.connection.execute(text("UPDATE sqlite_sequence SET seq = :seq WHERE name = 'outbox'"), {"seq": seq})
