"""Kafka for real: nothing lost over stops, kills, rebalances and poison; one effect for each event."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from harness.groups import wait_shared
from harness.promises import Figures
from prometheus_client import REGISTRY
from skyulf_events import Topic
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.kafka import (
    KafkaConsumers,
    UnsafeSubscriberError,
    check_subscribers,
    new_broker,
    subscribe,
)
from skyulf_service.messaging.kafka_producer import KafkaPublisher
from skyulf_service.messaging.policy import Delivery, Retries
from skyulf_service.messaging.records import Record
from skyulf_service.messaging.topics import ensure_topics
from skyulf_service.outbox.relay import Relay
from skyulf_service.testing.handles import KafkaBroker
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

pytestmark = pytest.mark.kafka
PARKED_SECONDS, PASSED_SECONDS = 10.0, 2.0
LARGE = 2 << 20
POISON = ["bad-json", "handler-failed", "missing-headers", "missing-headers", "too-large", "wrong-schema"]


class Street:
    """A service that publishes and consumes its own counters, on a topic of its own."""

    def __init__(self, database: Database, bootstrap: str) -> None:
        name = f"test.{new_id().hex}"
        self.topic = Topic(name=name)
        self.kind: type[CounterRaised] = type("CounterRaised", (CounterRaised,), {"topic": name, "__doc__": name})
        self.database = database
        self.bootstrap = bootstrap
        self.uows = UnitOfWorks(database, SampleUnitOfWork)
        self.consumers: Consumers[SampleUnitOfWork] = Consumers(group=name)
        self.consumers.on(self.kind)(self.add_up)
        self.delivery = Delivery(self.consumers, self.uows, retries=Retries(other=2))
        self.handled: dict[object, float] = {}
        self.open = asyncio.Event()
        self.open.set()

    async def add_up(self, uow: SampleUnitOfWork, event: CounterRaised) -> None:
        if event.value == 13:
            raise ValueError("thirteen")
        await self.open.wait()
        await uow.note("add_up", event)
        self.handled[event.event_id] = time.monotonic()

    async def publish(self, value: int) -> CounterRaised:
        event = self.kind(**Counter(project_id=new_id(), value=value).raised().model_dump())
        async with self.uows() as uow:
            await uow.publish(event)
        return event

    @asynccontextmanager
    async def relay(self) -> AsyncIterator[None]:
        publisher = KafkaPublisher(self.bootstrap)
        async with running(Relay(self.database, messaging, publisher, service="sample").run()):
            yield

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[KafkaConsumers]:
        consumers = KafkaConsumers(self.bootstrap, self.delivery)
        async with running(consumers.run()):
            yield consumers

    async def arrived(self, count: int, *, within: float = 30) -> int:
        """Wait until there are so many effects, and a little for more; return how many there are then."""
        async with asyncio.timeout(within):
            await until(lambda: len(self.handled) >= count)
        await asyncio.sleep(0.3)
        found = await effects(self.database)
        assert len(found) == len({each[1] for each in found})
        return len(found)


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def lag_of(street: Street) -> list[float]:
    """The lag of each partition that is shown."""
    labels = {"group": street.topic.name, "topic": street.topic.name}
    (metric,) = [each for each in REGISTRY.collect() if each.name == "skyulf_consumer_lag_records"]
    return [sample.value for sample in metric.samples if labels.items() <= sample.labels.items()]


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = Database.open(sqlite_url, name="sample")
    await create_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def street(database: Database, kafka_broker: KafkaBroker) -> Street:
    made = Street(database, kafka_broker.bootstrap)
    await ensure_topics(kafka_broker.bootstrap, [made.topic])
    return made


@pytest.fixture
async def roomy(database: Database, kafka_broker: KafkaBroker) -> Street:
    """One whose topic takes larger records than brokers do by default."""
    made = Street(database, kafka_broker.bootstrap)
    limit = {"max.message.bytes": str(2 * LARGE)}
    admin = AIOKafkaAdminClient(bootstrap_servers=made.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(made.topic.name, made.topic.partitions, 1, topic_configs=limit)])
    finally:
        await admin.close()
    return made


@pytest.fixture
def broker_that_stops(kafka_broker: KafkaBroker) -> Iterator[KafkaBroker]:
    yield kafka_broker
    kafka_broker.start()


async def test_the_lag_of_a_stuck_consumer_grows_and_leaves_with_it(street: Street) -> None:
    async with street.relay(), street.consuming():
        await street.publish(0)
        await street.arrived(1)
        await until(lambda: bool(lag_of(street)) and sum(lag_of(street)) == 0)
        street.open.clear()
        for value in range(1, 11):
            await street.publish(value)
            await asyncio.sleep(0.1)  # else all would be one batch, which the member has taken as a whole
        async with asyncio.timeout(40):
            await until(lambda: sum(lag_of(street)) > 0)
            street.open.set()
            await until(lambda: sum(lag_of(street)) == 0)
    assert lag_of(street) == []


async def test_an_event_goes_through_outbox_and_kafka_to_its_effect(street: Street) -> None:
    async with street.relay(), street.consuming() as consumers:
        await street.publish(0)
        await street.arrived(1)
        took = []
        for value in range(1, 11):
            began = time.monotonic()
            event = await street.publish(value)
            await street.arrived(value + 1)
            took.append(street.handled[event.event_id] - began)
        assert await consumers.ready()
    print("commit to effect, seconds:", sorted(round(each, 3) for each in took))
    assert sorted(took)[2] < 0.1  # the fastest: a busy machine says nothing about us


async def test_records_carry_the_envelope_as_headers(street: Street) -> None:
    event = await street.publish(1)
    async with street.relay():
        raw = await _find(street, event)

    headers = {name: value.decode() for name, value in raw.headers}
    assert raw.key == event.subject.encode()
    assert street.kind.model_validate_json(raw.value) == event
    assert headers == {
        "ce_id": str(event.event_id),
        "ce_type": "io.skyulf.counter.raised.v1",
        "ce_source": "/services/sample",
        "ce_subject": event.subject,
        "ce_time": event.ce_time(),
        "ce_specversion": "1.0",
        "ce_partitionkey": event.subject,
        "ce_dataschema": "/contracts/schemas/counter.raised.v1.json?minor=0",
        "content-type": "application/json",
    }


@pytest.mark.promise("R6")
async def test_poison_is_parked_and_good_events_pass(roomy: Street, figures: Figures) -> None:
    committed: dict[object, float] = {}
    async with roomy.relay(), roomy.consuming():
        await roomy.publish(1)
        await roomy.arrived(1)
        began = time.monotonic()
        await _send_poison(roomy)
        for value in range(2, 42):
            committed[(await roomy.publish(value)).event_id] = time.monotonic()
        async with asyncio.timeout(2 * PARKED_SECONDS):
            while len(letters := (await roomy.delivery.dead_letters.list(limit=50)).items) < len(POISON):
                await asyncio.sleep(0.05)
        parked = time.monotonic() - began
        assert await roomy.arrived(40) == 40

    slowest = max(roomy.handled[each] - at for each, at in committed.items() if each in roomy.handled)
    assert sorted(letter.reason for letter in letters) == POISON
    assert parked <= PARKED_SECONDS
    assert slowest <= PASSED_SECONDS
    figures(
        f"{len(letters)} of {len(POISON)} poison records (one of 2 MiB) parked with a reason within {parked:.1f} s, 40 "
        f"of 40 good ones passed, the slowest {slowest:.2f} s after its commit"
    )


@pytest.mark.promise("R4")
async def test_everything_arrives_once_although_the_broker_stops(
    street: Street, broker_that_stops: KafkaBroker, figures: Figures
) -> None:
    published = 0
    async with street.relay(), street.consuming() as consumers:
        for way in ("stop", "kill"):
            await asyncio.to_thread(getattr(broker_that_stops, way))
            for _ in range(50):
                await street.publish(100)
                published += 1
                await asyncio.sleep(0.05)
            await asyncio.to_thread(broker_that_stops.start)
            began = time.monotonic()
            assert await street.arrived(published, within=60) == published
            figures(f"broker: {way}, {published} events, all effects {time.monotonic() - began:.1f} s after the start")

        async with asyncio.timeout(10):
            await until(lambda: consumers.connected)


@pytest.mark.promise("R4")
@pytest.mark.slow
@pytest.mark.parametrize("away", [20, 120])  # seconds until the consumer is made anew
async def test_a_long_outage_is_survived_by_producer_and_consumer(
    street: Street, broker_that_stops: KafkaBroker, monkeypatch: pytest.MonkeyPatch, away: float, figures: Figures
) -> None:
    monkeypatch.setattr("skyulf_service.messaging.kafka.AWAY_SECONDS", away)
    async with street.relay(), street.consuming() as consumers:
        await street.publish(100)
        await street.arrived(1)
        await asyncio.to_thread(broker_that_stops.kill)
        for _ in range(45):  # longer than the producer's patience, so that it is made anew
            await street.publish(100)
            await asyncio.sleep(1)
        assert not consumers.connected
        await asyncio.to_thread(broker_that_stops.start)

        began = time.monotonic()
        assert await street.arrived(46, within=60) == 46
        figures(f"broker away for 45 s: all effects {time.monotonic() - began:.1f} s after the start")


@pytest.mark.promise("R7")
async def test_rebalances_lose_and_repeat_nothing(street: Street, figures: Figures) -> None:
    published = 0
    async with street.relay(), street.consuming():
        await asyncio.to_thread(wait_shared, street.bootstrap, street.topic.name, 1)
        for _ in range(3):
            async with street.consuming():
                joined = asyncio.create_task(asyncio.to_thread(wait_shared, street.bootstrap, street.topic.name, 2))
                while published % 40 or not joined.done():
                    await street.publish(100)
                    published += 1
                    await asyncio.sleep(0.02)
                await joined

        assert await street.arrived(published) == published
    figures(f"3 members came, had their share and went: {published} of {published} events had their effect once")


async def test_a_batch_whose_database_is_away_is_not_skipped(street: Street) -> None:
    calls = 0
    process = street.delivery.process

    async def away_at_first(records: Sequence[Record]) -> None:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise UnavailableError("the database is away")
        await process(records)

    street.delivery.process = away_at_first  # type: ignore[method-assign]
    for _ in range(5):
        await street.publish(100)
    async with street.relay(), street.consuming():
        assert await street.arrived(5) == 5

    assert calls >= 4


@pytest.mark.promise("R7")
async def test_a_restarted_consumer_goes_on_where_the_last_one_committed(street: Street, figures: Figures) -> None:
    async with street.relay():
        async with street.consuming():
            await street.publish(1)
            await street.arrived(1)
        await street.publish(2)
        seen: list[int] = []
        process = street.delivery.process

        async def counted(records: Sequence[Record]) -> None:
            seen.append(len(records))
            await process(records)

        street.delivery.process = counted  # type: ignore[method-assign]
        async with street.consuming():
            await street.arrived(2)

    assert sum(seen) == 1
    figures("1 event before a restart and 1 after it: the first not delivered again")


async def test_a_subscriber_that_acknowledges_by_itself_is_refused(kafka_broker: KafkaBroker) -> None:
    async def ignore(records: Sequence[Record]) -> None:
        return None

    good = new_broker(kafka_broker.bootstrap, client_id="test")
    subscribe(good, TOPIC.name, group="g", process=ignore)
    check_subscribers(good)

    brokers = [new_broker(kafka_broker.bootstrap, client_id="test") for _ in range(3)]
    brokers[0].subscriber(TOPIC.name, batch=True, group_id="g", auto_offset_reset="earliest", ack_policy=AckPolicy.ACK)
    brokers[1].subscriber(TOPIC.name, batch=True, group_id="g", ack_policy=AckPolicy.MANUAL)
    brokers[2].subscriber(TOPIC.name, batch=True, auto_offset_reset="earliest", ack_policy=AckPolicy.MANUAL)
    for bad in brokers:
        with pytest.raises(UnsafeSubscriberError):
            check_subscribers(bad)


async def test_nobody_there_is_unavailable_and_the_outbox_keeps_its_rows(database: Database) -> None:
    street = Street(database, "127.0.0.1:9")
    await street.publish(1)

    with pytest.raises(UnavailableError):
        await Relay(database, messaging, KafkaPublisher("127.0.0.1:9"), service="sample").publish_waiting()

    async with database.read() as connection:
        assert (await connection.execute(select(messaging.outbox.c.published_at))).scalars().all() == [None]


async def _find(street: Street, event: CounterRaised) -> ConsumerRecord:
    consumer = AIOKafkaConsumer(street.topic.name, bootstrap_servers=street.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            async for raw in consumer:
                if raw.key == event.subject.encode():
                    break
        return raw
    finally:
        await consumer.stop()


async def _send_poison(street: Street) -> None:
    kind = ("ce_type", CounterRaised.ce_type().encode())
    rest = [("ce_source", b"/x"), ("ce_specversion", b"1.0"), ("content-type", b"application/json")]
    topic = street.topic.name
    producer = AIOKafkaProducer(bootstrap_servers=street.bootstrap, max_request_size=2 * LARGE)
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"{", headers=[kind, ("ce_id", str(new_id()).encode()), *rest])
        await producer.send_and_wait(topic, b"{}", headers=[kind, ("ce_id", str(new_id()).encode()), *rest])
        await producer.send_and_wait(topic, b"\xff", headers=[("ce_type", b"\xff\xfe")])
        await producer.send_and_wait(topic, None, key=b"k", headers=[kind, ("nothing", None)])
        await producer.send_and_wait(topic, b" " * LARGE, headers=[kind, ("ce_id", str(new_id()).encode()), *rest])
    finally:
        await producer.stop()
