"""Reading Kafka's topics with nothing of Skyulf: aiokafka and the CloudEvents package."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, ConsumerRecord

PREFIX = "skyulf."


@dataclass(frozen=True)
class Published:
    """One record of a topic as it lies there."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes]

    @property
    def id(self) -> str:
        """The event's id."""
        return self.headers.get("ce_id", b"").decode()

    @property
    def traceparent(self) -> str:
        """The event's traceparent; empty where it has none."""
        return self.headers.get("traceparent", b"").decode()


def published(bootstrap: str) -> list[Published]:
    """Every record of Skyulf's topics, each partition in its order."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(lambda: asyncio.run(_read(bootstrap))).result()


async def _read(bootstrap: str) -> list[Published]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        topics = sorted(name for name in await consumer.topics() if name.startswith(PREFIX))
        consumer.subscribe(topics)
        found: list[Published] = []
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=100)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                found += [_published(record) for record in batch]
        return found
    finally:
        await consumer.stop()


def _published(record: ConsumerRecord[bytes, bytes]) -> Published:
    headers = dict(record.headers)
    return Published(record.topic, record.partition, record.offset, record.key, record.value or b"", headers)
