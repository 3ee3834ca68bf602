"""The broker: reachable, with every topic of the manifest."""

from collections.abc import Sequence

from aiokafka.errors import KafkaError
from skyulf_events import TOPICS, Topic
from skyulf_service.messaging.brokers import Brokers
from skyulf_service.messaging.topics import partitions_of_topics

from skyulf_standalone.doctor.finding import FaultError, Finding, attempt


async def examine_kafka(brokers: Brokers | str, topics: Sequence[Topic] = TOPICS) -> Finding:
    """Look at the broker and its topics."""
    return await attempt("kafka", lambda: _topics(brokers, topics), advice=f"is a broker at {brokers}?")


async def _topics(brokers: Brokers | str, topics: Sequence[Topic]) -> str:
    try:
        there = await partitions_of_topics(brokers)
    except KafkaError as error:
        raise FaultError(f"{brokers} does not answer ({type(error).__name__})") from error
    missing = [topic.name for topic in topics if topic.name not in there]
    if missing:
        raise FaultError(f"topics are missing: {', '.join(missing)}", "run `skyulf migrate`, which makes them")
    few = [topic.name for topic in topics if there[topic.name] < topic.partitions]
    if few:
        raise FaultError(
            f"too few partitions: {', '.join(few)}", "workers beyond the number of partitions stay idle: add partitions"
        )
    return f"{brokers}: {len(topics)} topics"
