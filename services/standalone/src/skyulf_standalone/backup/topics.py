"""Kafka after a restore: records of a time that is undone must not reach anybody."""

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaError
from skyulf_events import TOPICS
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.messaging.topics import partitions_of_topics

from skyulf_standalone.backup.errors import BackupError


async def require_brokers(brokers: Brokers) -> None:
    """Raise `BackupError` where Kafka does not answer."""
    try:
        await _ends(brokers)
    except (KafkaError, OSError) as error:
        raise BackupError(f"Kafka at {brokers} does not answer ({error!r}); nothing was restored.") from error


async def forget_records(brokers: Brokers) -> None:
    """Remove all records of Skyulf's topics; the outboxes are published again. Topics that are missing are left so."""
    try:
        ends = await _ends(brokers)
        admin = AIOKafkaAdminClient(**brokers.connection())
        try:
            await admin.start()
            if ends:
                records = {place: RecordsToDelete(before_offset=end) for place, end in ends.items()}
                await admin.delete_records(records, timeout_ms=10_000)
        finally:
            await admin.close()
    except (KafkaError, OSError) as error:
        raise BackupError(f"Kafka at {brokers} cannot be emptied ({error!r}).") from error


async def _ends(brokers: Brokers) -> dict[TopicPartition, int]:
    there = await partitions_of_topics(brokers)
    ours = {topic.name: there[topic.name] for topic in TOPICS if topic.name in there}
    places = [TopicPartition(name, number) for name, count in ours.items() for number in range(count)]
    if not places:  # a new Kafka; a consumer that is stopped before it was asked anything cancels who stops it
        return {}
    consumer = AIOKafkaConsumer(**brokers.connection())
    try:
        await consumer.start()
        ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return {place: end for place, end in ends.items() if end > 0}
