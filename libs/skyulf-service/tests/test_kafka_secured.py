"""Kafka with TLS, a name and a password: events go both ways, and nothing goes where one of the three is wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError
from skyulf_events import Topic
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.kafka import KafkaConsumers
from skyulf_service.messaging.kafka_producer import KafkaPublisher
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.topics import ensure_topics, partitions_of_topics
from skyulf_service.outbox.relay import Relay
from skyulf_service.settings import SaslMechanism, SharedSettings
from skyulf_service.testing.sample import Counter, CounterRaised, SampleUnitOfWork, create_tables, messaging
from skyulf_service.testing.secured_kafka import USERNAME, SecuredKafka, make_certificates

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def broker() -> Iterator[SecuredKafka]:
    with SecuredKafka() as running:
        yield running


@pytest.fixture
async def database(sqlite_url: str) -> AsyncIterator[Database]:
    opened = Database.open(sqlite_url, name="sample")
    await create_tables(opened)
    yield opened
    await opened.close()


@pytest.fixture
def told(broker: SecuredKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[SaslMechanism], Brokers]:
    """What the settings make of an environment like that of a pod."""
    (tmp_path / "password").write_text(f"{broker.password}\n")
    environment = {
        "BOOTSTRAP": broker.secured,
        "SECURITY_PROTOCOL": "SASL_SSL",
        "CA_FILE": str(broker.authority),
        "SASL_USERNAME": USERNAME,
        "SASL_PASSWORD_FILE": str(tmp_path / "password"),
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"SKYULF_KAFKA_{name}", value)

    def brokers(mechanism: SaslMechanism) -> Brokers:
        monkeypatch.setenv("SKYULF_KAFKA_SASL_MECHANISM", mechanism)
        return Brokers.of(SharedSettings())

    return brokers


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_events_go_both_ways(
    told: Callable[[SaslMechanism], Brokers], database: Database, mechanism: SaslMechanism
) -> None:
    brokers, topic = told(mechanism), Topic(name=f"test.{new_id().hex}")
    kind: type[CounterRaised] = type("CounterRaised", (CounterRaised,), {"topic": topic.name, "__doc__": topic.name})
    uows, arrived = UnitOfWorks(database, SampleUnitOfWork), asyncio.Event()
    consumers: Consumers[SampleUnitOfWork] = Consumers(group=topic.name)

    @consumers.on(kind)
    async def notice(uow: SampleUnitOfWork, event: CounterRaised) -> None:
        arrived.set()

    assert await ensure_topics(brokers, [topic]) == [topic.name]
    async with uows() as uow:
        await uow.publish(kind(**Counter(project_id=new_id(), value=1).raised().model_dump()))
    async with (
        running(Relay(database, messaging, KafkaPublisher(brokers), service="sample").run()),
        running(KafkaConsumers(brokers, Delivery(consumers, uows)).run()),
        asyncio.timeout(60),
    ):
        await arrived.wait()


@pytest.mark.parametrize("wrong", ["password", "authority", "plain", "no password"])
async def test_nothing_is_said_where_something_is_wrong(
    told: Callable[[SaslMechanism], Brokers], wrong: str, tmp_path: Path
) -> None:
    right, stranger = told("SCRAM-SHA-512"), tmp_path / "stranger.pem"
    make_certificates(stranger, tmp_path / "unused.pem")
    brokers = {
        "password": replace(right, password="guessed"),
        "authority": replace(right, ca_file=stranger),
        "plain": replace(right, protocol="PLAINTEXT"),
        "no password": replace(right, protocol="SSL"),
    }[wrong]

    with pytest.raises(KafkaError):
        await partitions_of_topics(brokers)
    with pytest.raises(UnavailableError):
        await KafkaPublisher(brokers, patience=5).publish([])


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Brokers("kafka:9093", "SASL_SSL", username="skyulf", password="secret"))
