"""How far a group's consumers are behind their topics."""

import asyncio
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from prometheus_client import Gauge

LAG = Gauge(
    "skyulf_consumer_lag_records",
    "Records of a partition that the group has not handled yet",
    ["group", "topic", "partition"],
)
ASK_SECONDS = 3.0


class LagGauge:
    """The lag of the partitions that this process has. Those that move to another member leave with their series."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._shown: set[TopicPartition] = set()

    async def measure(self, consumers: Iterable[AIOKafkaConsumer]) -> None:
        """Ask the brokers where the partitions end; raises what the client raises."""
        found: dict[TopicPartition, int] = {}
        async with asyncio.timeout(ASK_SECONDS):
            for consumer in consumers:
                found.update(await _behind(consumer))
        self._forget(self._shown - found.keys())
        self._shown = set(found)
        for place, records in found.items():
            LAG.labels(self._group, place.topic, str(place.partition)).set(records)

    def clear(self) -> None:
        """Forget everything: this process consumes nothing any more."""
        self._forget(self._shown)
        self._shown = set()

    def _forget(self, places: Iterable[TopicPartition]) -> None:
        for place in places:
            LAG.remove(self._group, place.topic, str(place.partition))


async def _behind(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    assigned = list(consumer.assignment())
    if not assigned:
        return {}
    # The client's own high-water marks stand still while a batch is stuck, and its position is ahead of what is done.
    ends = await consumer.end_offsets(assigned)
    return {place: max(end - await _done(consumer, place), 0) for place, end in ends.items()}


async def _done(consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
    """Where the group would go on; where it has committed nothing yet, where its member begins."""
    committed: int | None = await consumer.committed(place)
    position: int = await consumer.position(place)
    return position if committed is None else committed
