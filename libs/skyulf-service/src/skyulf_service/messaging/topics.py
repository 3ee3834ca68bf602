"""Topics, created from the manifest of the event contracts, never by accident."""

import asyncio
from collections.abc import Sequence
from time import monotonic

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from skyulf_events import TOPICS, Topic

from skyulf_service.messaging.brokers import Brokers, brokers_at

DAY_MS = 24 * 3600 * 1000
BROKER_DEFAULT = -1
BETWEEN_ATTEMPTS = 1.0  # seconds


async def wait_for_topics(brokers: Brokers | str, *, seconds: float) -> None:
    """Create the topics that are missing as soon as the brokers answer; raises KafkaError where they do not in time."""
    deadline = monotonic() + seconds
    while True:
        try:
            await ensure_topics(brokers)
        except KafkaError as error:
            if not error.retriable or monotonic() >= deadline:
                raise
            await asyncio.sleep(BETWEEN_ATTEMPTS)
        else:
            return


async def ensure_topics(
    brokers: Brokers | str, topics: Sequence[Topic] = TOPICS, *, replication: int = BROKER_DEFAULT
) -> list[str]:
    """Create the topics that are missing, and return their names; those that exist are left as they are.

    Raises aiokafka's `KafkaError` when the brokers cannot be reached or refuse. ``replication`` -1 is the brokers'
    own default.
    """
    admin = AIOKafkaAdminClient(**brokers_at(brokers).connection(), request_timeout_ms=10_000)
    try:
        await admin.start()
        known = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in known]
        if not missing:
            return []
        answer = await admin.create_topics([_new(topic, replication) for topic in missing], timeout_ms=10_000)
        return [name for name, code, *_ in answer.topic_errors if _created(name, code)]
    finally:
        await admin.close()


async def partitions_of_topics(brokers: Brokers | str) -> dict[str, int]:
    """How many partitions each topic of the brokers has. Raises aiokafka's `KafkaError`."""
    admin = AIOKafkaAdminClient(**brokers_at(brokers).connection(), request_timeout_ms=10_000)
    try:
        await admin.start()
        return {str(found["topic"]): len(found["partitions"]) for found in await admin.describe_topics()}
    finally:
        await admin.close()


def _new(topic: Topic, replication: int) -> NewTopic:
    configs = {"cleanup.policy": topic.cleanup, "retention.ms": str(topic.retention_days * DAY_MS)}
    # aiokafka takes the brokers' default only beside an (empty) assignment of its own
    assignments: dict[int, list[int]] | None = {} if replication == BROKER_DEFAULT else None
    return NewTopic(topic.name, topic.partitions, replication, assignments, configs)


def _created(name: str, code: int) -> bool:
    if code == 0:
        return True
    error: type[KafkaError] = for_code(code)
    if error is TopicAlreadyExistsError:  # another process was faster
        return False
    raise error(f"the topic {name} could not be created")
