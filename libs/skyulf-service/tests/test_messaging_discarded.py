"""A dead letter that was discarded: its event may come again, by the topic or by a feed, and has no effect any more."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.http.catch_up import CatchUp, NeighbourFeed, connecting
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import SETTLED_KEPT, NoHandlerError
from skyulf_service.messaging.parked import Parked
from skyulf_service.messaging.policy import Delivery, Retries
from skyulf_service.messaging.records import Record, UnreadableRecordError
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.neighbours import Neighbour, neighbour
from skyulf_service.testing.records import record_of_event
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

    def delivery(
        self, *, renamed: bool = False, reads: type[CounterRaised] = CounterRaised
    ) -> Delivery[SampleUnitOfWork]:
        """A delivery as a process that has just started has it, of this release or of another one."""
        consumers: Consumers[SampleUnitOfWork] = Consumers(group="sums")
        consumers.on(reads)(self.sum_up if renamed else self.add_up)
        return Delivery(consumers, UnitOfWorks(self.database, SampleUnitOfWork), retries=QUICK)

    async def sum_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        await self.add_up(uow, event)

    async def add_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        self.called.append(event.event_id)
        if event.value == BAD and self.broken:
            raise ValueError("thirteen brings bad luck")

    async def discard_all(self, delivery: Delivery[SampleUnitOfWork] | None = None) -> int:
        """Discard as an operator does; returns how many there were."""
        delivery = delivery or self.delivery()
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


class Older(CounterRaised):
    """The event as a release reads it that wants more of it than there is."""

    reason: str


@pytest.fixture
async def sums(database_url: str) -> AsyncIterator[Sums]:
    opened = Database.open(database_url, name="sums")
    await create_tables(opened)
    yield Sums(opened)
    await opened.close()


def raised(value: int) -> CounterRaised:
    return Counter(project_id=new_id(), value=value).raised()


def record(event: CounterRaised, *, body: bytes | None = None) -> Record:
    made = record_of_event(event)
    return made if body is None else replace(made, value=body)


@asynccontextmanager
async def published(folder: Path) -> AsyncIterator[tuple[Neighbour, InternalTokenIssuer]]:
    """A neighbour whose feed answers, and what proves to it who reads."""
    tokens = InternalTokenIssuer(load_or_create(folder / "keys", "sums"), "sums")
    async with neighbour("sample", keys=folder / "keys", folder=folder) as sample, sample.answering():
        yield sample, tokens


async def restart(sums: Sums, sample: Neighbour, tokens: InternalTokenIssuer) -> None:
    """Read the neighbour's feed from its beginning, as a worker does that has just started."""
    feed = NeighbourFeed(connecting(sample.url, None), tokens, owner="sample", reader="sums")
    await CatchUp(feed, sums.delivery()).run_once()


async def age(sums: Sums, sample: Neighbour, since: timedelta) -> None:
    """Let everything have happened so long ago."""
    then, letters = utc_now() - since, messaging.dead_letters
    async with sums.database.begin() as connection:
        await connection.execute(update(messaging.inbox).values(handled_at=then))
        await connection.execute(update(letters).values(parked_at=then))
        await connection.execute(update(letters).where(letters.c.replayed_at.is_not(None)).values(replayed_at=then))
    await age_feed(sample, since)


async def age_feed(sample: Neighbour, since: timedelta, *, after: int = 0) -> None:
    async with sample.outbox() as uow:
        outbox = uow.tables.outbox
        await uow.connection.execute(update(outbox).where(outbox.c.seq > after).values(published_at=utc_now() - since))


async def test_what_was_discarded_is_not_parked_again_when_a_restart_reads_the_feed_anew(
    sums: Sums, tmp_path: Path
) -> None:
    bad, kept = raised(BAD), raised(BAD)
    async with published(tmp_path) as (sample, tokens):

        async def restarted() -> None:
            await restart(sums, sample, tokens)

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


async def test_after_a_long_time_off_nothing_old_is_handled_twice_and_nothing_discarded_comes_back(
    sums: Sums, tmp_path: Path
) -> None:
    new = raised(2)
    async with published(tmp_path) as (sample, tokens):
        await sample.lose([raised(BAD), raised(1)])
        await restart(sums, sample, tokens)
        assert await sums.discard_all() == 1
        await age(sums, sample, timedelta(days=40))
        await sample.lose([new])
        await age_feed(sample, timedelta(minutes=1), after=2)  # else it stands behind a gap that may still be filled
        sums.called.clear()

        delivery = sums.delivery()  # its worker forgets what is old at its start; the neighbour has not swept yet
        await delivery.claims.sweep()
        await delivery.dead_letters.sweep()
        await restart(sums, sample, tokens)

        assert sums.called == [new.event_id]
        assert (await delivery.dead_letters.list()).items == []


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


@pytest.mark.parametrize("others", [0, 2], ids=["alone", "in a batch"])
async def test_what_was_discarded_unread_is_not_handled_by_a_release_that_can_read_it(sums: Sums, others: int) -> None:
    event, more = raised(7), [raised(1) for _ in range(others)]
    older = sums.delivery(reads=Older)
    await older.process([record(event)])
    assert await sums.discard_all(older) == 1

    await sums.delivery().process([record(each) for each in (event, *more)])

    assert sums.called == [each.event_id for each in more]
    assert (await sums.delivery().dead_letters.list()).items == []


async def test_what_was_discarded_before_anybody_knew_whose_it_is_reaches_no_handler(sums: Sums) -> None:
    event, other = raised(7), raised(1)
    silent = Delivery(Consumers(group="sums"), UnitOfWorks(sums.database, SampleUnitOfWork))
    await silent.dead_letters.park(Parked(record(event), "sums", "invalid-id", "this release knows no such ids"))
    assert await sums.discard_all(silent) == 1

    await sums.delivery().process([record(event), record(other)])

    assert sums.called == [other.event_id]


async def test_what_was_replayed_is_no_reason_to_leave_out_another_handler(sums: Sums) -> None:
    event = raised(7)
    delivery = sums.delivery()
    await delivery.dead_letters.park(Parked(record(event), "sums", "invalid-id", "this release knows no such ids"))
    (letter,) = (await delivery.dead_letters.list()).items
    await delivery.dead_letters.replay(letter.id, delivery)
    assert sums.called == [event.event_id]

    await sums.delivery(renamed=True).process([record(event)])

    assert sums.called == [event.event_id] * 2, "the one that is new has not handled it yet"


async def test_a_release_without_the_handler_replays_nothing_and_may_discard(sums: Sums) -> None:
    event = raised(BAD)
    await sums.delivery().process([record(event)])
    (letter,) = (await sums.delivery().dead_letters.list()).items
    other, sums.broken = sums.delivery(renamed=True), False
    sums.called.clear()

    with pytest.raises(NoHandlerError, match=r"sums\.add_up"):
        await other.dead_letters.replay(letter.id, other)
    assert await other.dead_letters.get(letter.id) == letter, "it waits, and still says why"
    await other.dead_letters.discard(letter.id, other)

    assert (await other.dead_letters.list()).items == []
    assert sums.called == []
    async with sums.database.read() as connection:
        assert list(await connection.execute(select(messaging.inbox))) == [], "nobody has taken it for handled"


def too_large(event: CounterRaised) -> Record:
    """What would be the event, were it not so large."""
    body = record(event).value
    return record(event, body=body[:-1] + b" " * (1 << 20) + b"}")


def unspecified(event: CounterRaised) -> Record:
    """What would be the event, were it of a version of CloudEvents that is known."""
    made = record(event)
    return replace(made, headers=[(name, b"9" if name == "ce_specversion" else value) for name, value in made.headers])


@pytest.mark.parametrize(
    ("garbled", "reason"),
    [
        (lambda event: record(event, body=b"garbage"), "bad-json"),
        (lambda event: record(event, body=b"{}"), "wrong-schema"),
        (lambda event: record(event, body=record(raised(7)).value), "wrong-id"),
        (too_large, "too-large"),
        (unspecified, "unsupported-specversion"),
    ],
    ids=["bad-json", "wrong-schema", "wrong-id", "too-large", "unsupported-specversion"],
)
async def test_garbage_that_bears_the_id_of_an_event_does_not_take_the_event_away(
    sums: Sums, garbled: Callable[[CounterRaised], Record], reason: str
) -> None:
    event = raised(7)
    await sums.delivery().process([garbled(event)])
    (letter,) = (await sums.delivery().dead_letters.list()).items
    assert letter.reason == reason
    delivery = sums.delivery()
    with pytest.raises(UnreadableRecordError):
        await delivery.dead_letters.replay(letter.id, delivery)
    assert await sums.discard_all() == 1

    await sums.delivery().process([record(event)])

    assert sums.called == [event.event_id]


def header_in_body(event: Record) -> Record:
    *others, (name, value) = event.headers
    return replace(event, headers=others, value=name.encode() + b"\x00" + value + b"\x00" + event.value)


def header_in_header(event: Record) -> Record:
    (first, value), (second, after), *others = event.headers
    return replace(event, headers=[(first, value + b"\x00" + second.encode() + b"\x00" + after), *others])


@pytest.mark.parametrize("garbled", [header_in_body, header_in_header])
async def test_garbage_made_of_an_events_own_bytes_does_not_stand_for_it(
    sums: Sums, garbled: Callable[[Record], Record]
) -> None:
    event = raised(BAD)
    await sums.delivery().process([garbled(record(event))])
    assert await sums.discard_all() == 1

    await sums.delivery().process([record(event)])

    (letter,) = (await sums.delivery().dead_letters.list()).items
    assert (letter.reason, letter.event_id) == ("handler-failed", str(event.event_id))


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
