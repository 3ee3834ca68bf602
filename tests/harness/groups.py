"""Groups of consumers, as the broker sees them."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from skyulf_service.messaging.topics import partitions_of_topics

ADMIN_MS = 10_000


@dataclass(frozen=True, slots=True)
class Group:
    """A group: how it is (``Stable`` where nothing moves), and who is in it."""

    name: str
    state: str
    members: frozenset[str]


def groups(bootstrap: str) -> frozenset[Group]:
    """Look at every group that has members."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(_groups(bootstrap))).result()


def wait_shared(bootstrap: str, name: str, members: int, *, seconds: float = 60) -> None:
    """Wait until the partitions of a group are shared by so many members."""
    deadline = time.monotonic() + seconds
    while (name, "Stable", members) not in {(each.name, each.state, len(each.members)) for each in groups(bootstrap)}:
        assert time.monotonic() < deadline, f"{name} has no {members} members after {seconds:g} s: {groups(bootstrap)}"
        time.sleep(0.1)


def forget_place(bootstrap: str, group: str, topics: Sequence[str]) -> None:
    """Move a group that has no members to the end of the topics: it will never see what lies there."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(lambda: asyncio.run(_to_the_end(bootstrap, group, topics))).result()


def delete_topic(bootstrap: str, topic: str) -> None:
    """Delete a topic with its records."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        thread.submit(lambda: asyncio.run(_delete(bootstrap, topic))).result()


async def _groups(bootstrap: str) -> frozenset[Group]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=ADMIN_MS)
    await admin.start()
    try:
        names = [found[0] for found in await admin.list_consumer_groups()]
        # one by one: aiokafka 0.14 asks in version 3 but reads version 2, and loses its place in a second group
        answers = [answer for name in names for answer in await admin.describe_consumer_groups([name])]
    finally:
        await admin.close()
    # a group is (error, name, state, kind of protocol, protocol, members, ...), a member begins with its id
    described = [group for answer in answers for group in answer.groups]
    return frozenset(
        Group(group[1], group[2], frozenset(member[0] for member in group[5])) for group in described if group[5]
    )


async def _to_the_end(bootstrap: str, group: str, topics: Sequence[str]) -> None:
    partitions = await partitions_of_topics(bootstrap)
    places = [TopicPartition(topic, number) for topic in topics for number in range(partitions[topic])]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(places)
        await consumer.commit(await consumer.end_offsets(places))
    finally:
        await consumer.stop()


async def _delete(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=ADMIN_MS)
    await admin.start()
    try:
        answer = await admin.delete_topics([topic], timeout_ms=ADMIN_MS)
        assert [code for _, code in answer.topic_error_codes] == [0], answer
        while topic in await admin.list_topics():
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
