"""The policy of delivery: twice is once, poison is parked, good records pass, what fails for a moment is retried."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import pytest
from opentelemetry.sdk.trace import TracerProvider
from skyulf_service.database.engine import Database
from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import NotFoundError, StaleVersionError, StorageFullError, UnavailableError
from skyulf_service.ids import new_id, utc_now
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import DeadLetter
from skyulf_service.messaging.parked import Parked
from skyulf_service.messaging.policy import Delivery, Retries
from skyulf_service.messaging.records import Message, Record, record_of
from skyulf_service.testing.handles import PostgresServer
from skyulf_service.testing.records import record_of_event
from skyulf_service.testing.sample import (
    TOPIC,
    Counter,
    CounterRaised,
    SampleUnitOfWork,
    create_tables,
    effects,
    messaging,
)
from sqlalchemy import select

QUICK = Retries(transient=0.5, first_pause=0.01, longest_pause=0.05, handler=0.3, batch=2)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Handlers:
    """A service's table of handlers whose handler misbehaves on demand, by the event's value."""

    def __init__(self) -> None:
        self.consumers: Consumers[SampleUnitOfWork] = Consumers(group="sums")
        self.consumers.on(CounterRaised)(self.add_up)
        self.calls: list[int] = []
        self.stale_times = 0
        self.broken = True

    async def add_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        self.calls.append(event.value)
        await uow.note("add_up", event)
        if event.value == 13 and self.broken:
            raise ValueError("thirteen brings\x00 bad luck \ud800")
        if event.value == 17 and self.broken:
            await asyncio.sleep(5)
        if event.value == 19 and self.broken:
            raise UnavailableError("the neighbour is away")
        if event.value == 29 and self.broken:
            raise StorageFullError("the disk is full")
        if event.value == 23 and self.stale_times:
            self.stale_times -= 1
            raise StaleVersionError("somebody was faster")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, name="sums")
    await create_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def handlers() -> Handlers:
    return Handlers()


@pytest.fixture
def delivery(database: Database, handlers: Handlers) -> Delivery[SampleUnitOfWork]:
    return Delivery(handlers.consumers, UnitOfWorks(database, SampleUnitOfWork), retries=QUICK)


def event(value: int, *, counter: UUID | None = None, version: int = 1) -> CounterRaised:
    found = Counter(project_id=new_id(), value=value, version=version)
    found.id = counter or found.id
    return found.raised()


def record(raised: CounterRaised, *, offset: int = 0, traceparent: str | None = None) -> Record:
    return record_of_event(raised, seq=offset, traceparent=traceparent)


def changed(original: Record, *, value: bytes | None = None, **headers: str | None) -> Record:
    """A record with another body, or with headers replaced or (None) left out; ``ce_id`` is written ``ce_id``."""
    kept = [(name, text) for name, text in original.headers if name.replace("-", "_") not in headers]
    kept += [(name.replace("content_type", "content-type"), text.encode()) for name, text in headers.items() if text]
    body = original.value if value is None else value
    return Record(original.topic, original.key, body, kept, original.partition, original.offset)


async def parked(delivery: Delivery[SampleUnitOfWork]) -> list[DeadLetter]:
    return list((await delivery.dead_letters.list()).items)


async def test_an_event_that_comes_twice_has_one_effect(
    delivery: Delivery[SampleUnitOfWork], database: Database
) -> None:
    records = [record(event(value), offset=value) for value in range(5)]

    await delivery.process([*records, *records])
    await delivery.process(records)
    await delivery.process(records[:1])

    assert len(await effects(database)) == 5


async def test_two_deliveries_at_once_have_one_effect(delivery: Delivery[SampleUnitOfWork], database: Database) -> None:
    records = [record(event(value), offset=value) for value in range(30, 50)]

    await asyncio.gather(*(delivery.process(records[start:] + records[:start]) for start in (0, 5, 10)))

    assert sorted({each[1] for each in await effects(database)}) == sorted(each[1] for each in await effects(database))
    assert len(await effects(database)) == 20
    assert await parked(delivery) == []


async def test_events_of_one_aggregate_keep_their_order_around_a_failing_one(
    delivery: Delivery[SampleUnitOfWork], handlers: Handlers, database: Database
) -> None:
    handlers.stale_times = 2
    counter, other = new_id(), new_id()
    values = [1, 23, 3, 4]
    records = [record(event(value, counter=counter, version=n), offset=n) for n, value in enumerate(values, 1)]
    records.insert(2, record(event(9, counter=other), offset=99))

    await delivery.process(records)

    versions = [version for _, _, owner, version in await effects(database) if owner == counter]
    assert versions == [1, 2, 3, 4]
    assert len(await effects(database)) == 5


@pytest.mark.parametrize(
    ("bad", "reason", "consumer"),
    [
        (changed(record(event(1)), value=b"{"), "bad-json", "sums.add_up"),
        (changed(record(event(1)), value=b"\xff\xfe\x00"), "bad-json", "sums.add_up"),
        (changed(record(event(1)), value=b"[" * 100_000), "bad-json", "sums.add_up"),
        (changed(record(event(1)), value=b"{}"), "wrong-schema", "sums.add_up"),
        (changed(record(event(1)), value=b"null"), "wrong-schema", "sums.add_up"),
        (changed(record(event(1)), value=event(2).model_dump_json().encode()), "wrong-id", "sums.add_up"),
        (changed(record(event(1)), value=b" " * (2 << 20)), "too-large", "sums"),
        (changed(record(event(1)), ce_type=None), "missing-headers", "sums"),
        (changed(record(event(1)), ce_id=None), "missing-headers", "sums"),
        (changed(record(event(1)), ce_id="seven"), "invalid-id", "sums"),
        (changed(record(event(1)), ce_specversion="0.3"), "unsupported-specversion", "sums"),
        (changed(record(event(1)), content_type="text/csv"), "unsupported-content-type", "sums"),
        (Record(TOPIC.name, None, b"\x00\xff", [("ce_type", b"\xff"), ("\x00", b"\x00")]), "missing-headers", "sums"),
        (Record(TOPIC.name, None, b"", []), "missing-headers", "sums"),
        (record(event(13)), "handler-failed", "sums.add_up"),
        (record(event(17)), "handler-failed", "sums.add_up"),
        (record(event(19)), "transient", "sums.add_up"),
    ],
)  # fmt: skip
async def test_poison_is_parked_once_with_its_reason_and_good_records_pass(
    delivery: Delivery[SampleUnitOfWork], database: Database, bad: Record, reason: str, consumer: str
) -> None:
    good = [record(event(value), offset=value) for value in (1, 2, 3)]
    batch = [good[0], bad, *good[1:]]

    async with asyncio.timeout(5):
        await delivery.process(batch)
        await delivery.process(batch)

    (letter,) = await parked(delivery)
    assert (letter.reason, letter.consumer) == (reason, consumer)
    assert letter.error
    assert letter.record.value == bad.value
    assert [value for name, value in letter.record.headers] == [value for name, value in bad.headers]
    assert len(await effects(database)) == 3


async def test_foreign_types_are_ignored(delivery: Delivery[SampleUnitOfWork]) -> None:
    await delivery.process([changed(record(event(1)), ce_type="com.example.other.v1", ce_id="7", value=b"?")])

    assert await parked(delivery) == []


async def test_structured_mode_is_read_too(delivery: Delivery[SampleUnitOfWork], database: Database) -> None:
    first, second, third = event(1), event(2), event(3)
    envelope = {"specversion": "1.0", "type": first.ce_type(), "source": "/services/sample"}
    body = json.loads(first.model_dump_json())
    encoded = base64.b64encode(second.model_dump_json().encode()).decode()
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    values = [
        {**envelope, "id": str(first.event_id), "data": body},
        {**envelope, "id": str(second.event_id), "data_base64": encoded},
        {**envelope, "id": str(third.event_id)},
    ]

    await delivery.process(
        [Record(first.topic, None, json.dumps(each).encode(), headers, offset=n) for n, each in enumerate(values)]
    )
    await delivery.process([Record(first.topic, None, b"{", headers, offset=9)])

    assert [effect[1] for effect in await effects(database)] == [first.event_id, second.event_id]
    assert {letter.reason for letter in await parked(delivery)} == {"wrong-schema", "bad-json"}


async def test_what_fails_for_a_moment_is_retried_and_not_parked(
    delivery: Delivery[SampleUnitOfWork], handlers: Handlers, database: Database
) -> None:
    handlers.stale_times = 4

    await delivery.process([record(event(23))])

    assert handlers.calls == [23] * 5
    assert len(await effects(database)) == 1
    assert await parked(delivery) == []


async def test_a_dead_letter_is_replayed_by_its_handler_once(
    delivery: Delivery[SampleUnitOfWork], handlers: Handlers, database: Database
) -> None:
    await delivery.process([record(event(13))])
    (letter,) = await parked(delivery)
    assert letter.attempts == QUICK.other

    with pytest.raises(ValueError, match="thirteen"):
        await delivery.dead_letters.replay(letter.id, delivery)
    assert (await delivery.dead_letters.get(letter.id)).attempts == QUICK.other + 1
    handlers.broken = False
    await delivery.dead_letters.replay(letter.id, delivery)

    assert len(await effects(database)) == 1
    assert await parked(delivery) == []
    with pytest.raises(NotFoundError):
        await delivery.dead_letters.replay(letter.id, delivery)
    await delivery.process([record(event(13))])
    assert len(await effects(database)) == 2


async def test_what_is_parked_by_the_topic_is_not_parked_again_by_the_feed(
    delivery: Delivery[SampleUnitOfWork],
) -> None:
    refused = record(event(13))
    nameless = changed(refused, ce_id=None)
    await delivery.process([replace(each, partition=place) for each in (refused, nameless) for place in (0, -1)])

    ids = [letter.record.header("ce_id") for letter in await parked(delivery)]
    assert ids.count(refused.header("ce_id")) == 1
    assert ids.count(None) == 2, "nobody knows whether they are one"


async def test_a_dead_letter_can_be_discarded(delivery: Delivery[SampleUnitOfWork]) -> None:
    await delivery.process([record(event(13), offset=n) for n in range(3)])
    first = await delivery.dead_letters.list(limit=2)
    second = await delivery.dead_letters.list(limit=2, cursor=first.next_cursor)
    assert len({letter.id for letter in [*first.items, *second.items]}) == 3

    await delivery.dead_letters.discard(first.items[0].id, delivery)

    assert len(await parked(delivery)) == 2
    with pytest.raises(NotFoundError):
        await delivery.dead_letters.discard(first.items[0].id, delivery)


async def test_the_handler_continues_the_trace_of_its_event_and_passes_it_on(database: Database) -> None:
    consumers: Consumers[SampleUnitOfWork] = Consumers(group="chain")

    @consumers.on(CounterRaised)
    async def answer(uow: SampleUnitOfWork, event: CounterRaised) -> None:
        await uow.publish(Counter(project_id=event.project_id).raised())

    async def traced() -> None:
        with TracerProvider().get_tracer("test").start_as_current_span("something else"):
            delivery = Delivery(consumers, UnitOfWorks(database, SampleUnitOfWork))
            await delivery.process([record(event(n), offset=n, traceparent=TRACEPARENT) for n in (1, 2)])

    await traced()

    async with database.read() as connection:
        found = (await connection.execute(select(messaging.outbox.c.traceparent))).scalars().all()
    assert {text.split("-")[1] for text in found} == {TRACEPARENT.split("-")[1]}


async def test_a_handler_of_every_type_gets_known_and_unknown_ones(database: Database) -> None:
    consumers: Consumers[SampleUnitOfWork] = Consumers(group="log")
    seen: list[tuple[str, bool]] = []

    @consumers.on_any
    async def append(uow: SampleUnitOfWork, message: Message) -> None:
        seen.append((message.type, message.event is not None))

    delivery = Delivery(consumers, UnitOfWorks(database, SampleUnitOfWork))
    broken = changed(record(event(1)), ce_type="io.skyulf.dataset.deleted.v1", value=b"{}")
    await delivery.process([record(event(1)), broken])

    assert seen == [("io.skyulf.counter.raised.v1", False)]
    assert [letter.reason for letter in await parked(delivery)] == ["wrong-schema"]
    assert "skyulf.jobs.v1" in consumers.topics


async def test_parking_is_told(database: Database, handlers: Handlers) -> None:
    told: list[Parked] = []
    uows = UnitOfWorks(database, SampleUnitOfWork)

    await Delivery(handlers.consumers, uows, retries=QUICK, on_parked=told.append).process([record(event(13))])

    assert [each.consumer for each in told] == ["sums.add_up"]


async def test_two_handlers_of_one_event_have_two_names(handlers: Handlers) -> None:
    with pytest.raises(ValueError, match="add_up"):
        handlers.consumers.on(CounterRaised)(handlers.add_up)


@pytest.mark.postgres
async def test_nothing_is_parked_while_the_database_is_away(
    postgres_server: PostgresServer, postgres_url: str, handlers: Handlers
) -> None:
    async with _away(postgres_server, postgres_url) as database:
        delivery = Delivery(handlers.consumers, UnitOfWorks(database, SampleUnitOfWork), retries=QUICK)
        records = [record(event(n), offset=n) for n in (1, 2, 13)]
        with pytest.raises(UnavailableError):
            await delivery.process(records)
        with pytest.raises(UnavailableError):
            await delivery.process([Record(TOPIC.name, None, b"", [])])
        postgres_server.start()

        await delivery.process(records)

        assert len(await effects(database)) == 2
        assert [letter.reason for letter in await parked(delivery)] == ["handler-failed"]


async def test_nothing_is_parked_for_want_of_room(
    delivery: Delivery[SampleUnitOfWork], handlers: Handlers, database: Database
) -> None:
    records = [record(event(n), offset=n) for n in (1, 29, 2)]
    with pytest.raises(StorageFullError):
        await delivery.process(records)
    assert await parked(delivery) == []
    handlers.broken = False

    await delivery.process(records)

    assert len(await effects(database)) == 3
    assert await parked(delivery) == []


@asynccontextmanager
async def _away(server: PostgresServer, url: str) -> AsyncIterator[Database]:
    database = Database.open(url, name="sums")
    await create_tables(database)
    server.stop()
    try:
        yield database
    finally:
        server.start()
        await database.close()


async def test_header_values_are_ascii_and_come_back(delivery: Delivery[SampleUnitOfWork]) -> None:
    row = OutboxRow(
        seq=1,
        event_id=new_id(),
        topic="t",
        type="io.skyulf.größe.v1",
        source="/100%/\n",
        data_schema="/x?minor=1",
        aggregate_id="né",
        aggregate_version=1,
        project_id=new_id(),
        body="{}",
        traceparent=None,
        occurred_at=utc_now(),
    )
    written = record_of(row)

    assert all(value.isascii() and b"\n" not in value for _, value in written.headers)
    read = [written.header(name) for name in ("ce_type", "ce_source", "ce_subject", "ce_dataschema")]
    assert read == ["io.skyulf.größe.v1", "/100%/\n", "né", "/x?minor=1"]
