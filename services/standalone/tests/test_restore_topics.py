"""Kafka in a restore: topics that are there are emptied, and a new broker has none yet."""

import secrets

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from skyulf_events import Topic
from skyulf_service.messaging.brokers import brokers_at
from skyulf_service.messaging.topics import ensure_topics, partitions_of_topics
from skyulf_service.testing.handles import KafkaBroker
from skyulf_standalone.backup import topics
from skyulf_standalone.backup.topics import forget_records, require_brokers

pytestmark = pytest.mark.kafka


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic that is Skyulf's only one, and not there yet."""
    topic = Topic(name=f"skyulf.restore-{secrets.token_hex(4)}.v1", partitions=2)
    monkeypatch.setattr(topics, "TOPICS", [topic])
    return topic


async def test_a_broker_without_topics_is_restored_on(kafka_broker: KafkaBroker, topic: Topic) -> None:
    brokers = brokers_at(kafka_broker.bootstrap)

    await require_brokers(brokers)
    await forget_records(brokers)

    assert topic.name not in await partitions_of_topics(brokers)


async def test_records_are_removed(kafka_broker: KafkaBroker, topic: Topic) -> None:
    brokers = brokers_at(kafka_broker.bootstrap)
    await ensure_topics(brokers, [topic])
    async with AIOKafkaProducer(bootstrap_servers=kafka_broker.bootstrap) as producer:
        await producer.send_and_wait(topic.name, b"undone", partition=1)

    await require_brokers(brokers)
    await forget_records(brokers)

    places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=kafka_broker.bootstrap) as consumer:
        ends = await consumer.end_offsets(places)
        assert ends == dict(zip(places, [0, 1], strict=True))
        assert await consumer.beginning_offsets(places) == ends
