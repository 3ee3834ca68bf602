"""Topics on a real broker: made from the manifest, once, and as soon as it answers."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from harness.groups import delete_topic
from skyulf_events import TOPICS, Topic
from skyulf_service.ids import new_id
from skyulf_service.messaging.topics import ensure_topics, wait_for_topics
from skyulf_service.testing.handles import KafkaBroker
from skyulf_service.testing.ports import free_port

pytestmark = pytest.mark.kafka


async def test_topics_are_made_from_the_manifest_once(kafka_broker: KafkaBroker) -> None:
    await ensure_topics(kafka_broker.bootstrap)
    assert await ensure_topics(kafka_broker.bootstrap) == []

    name = f"probe-{new_id().hex}"
    made = await asyncio.gather(*(ensure_topics(kafka_broker.bootstrap, [Topic(name=name)]) for _ in range(3)))

    assert [name] in made
    assert {topic.name for topic in TOPICS} <= await _topics(kafka_broker.bootstrap)


async def test_topics_are_made_as_soon_as_a_broker_that_is_starting_answers(kafka_broker: KafkaBroker) -> None:
    await ensure_topics(kafka_broker.bootstrap)
    await asyncio.to_thread(delete_topic, kafka_broker.bootstrap, TOPICS[0].name)
    await asyncio.to_thread(kafka_broker.stop)
    try:
        waiting = asyncio.create_task(wait_for_topics(kafka_broker.bootstrap, seconds=60))
        await asyncio.sleep(1.5)
        assert not waiting.done()
    finally:  # other tests need it
        await asyncio.to_thread(kafka_broker.start)
    await waiting

    assert {topic.name for topic in TOPICS} <= await _topics(kafka_broker.bootstrap)


async def test_brokers_that_never_answer_are_an_error_after_a_while() -> None:
    with pytest.raises(KafkaError):
        await wait_for_topics(f"127.0.0.1:{free_port()}", seconds=0.1)


async def _topics(bootstrap: str) -> set[str]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        return set(await consumer.topics())
    finally:
        await consumer.stop()
