"""Delivery in one process: the relay of one service hands its rows to the tables of the others."""

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import replace

from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record, record_of


class InProcessTransport:
    """Connects the services of one process."""

    def __init__(self) -> None:
        self._deliveries: list[Delivery[UnitOfWork]] = []

    def register(self, delivery: "Delivery[UnitOfWork]") -> None:
        """Let a service receive what the others publish."""
        self._deliveries.append(delivery)

    def publisher_for(self, group: str) -> "InProcessPublisher":
        """Return the publisher of one service; it does not hear itself, unless it listens to everything."""
        return InProcessPublisher(group, self._deliveries)


class InProcessPublisher:
    """Hands rows over, and returns when every table has handled or parked them.

    A crash before that redelivers, which the inbox makes harmless. A failing handler is retried for a few seconds and
    then parked by the policy, so that it never stalls the service that published.
    """

    def __init__(self, group: str, deliveries: list[Delivery[UnitOfWork]]) -> None:
        self._group = group
        self._deliveries = deliveries

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Give the rows, in order, to every service that listens to their topics."""
        records = [_placed(row) for row in rows]
        await asyncio.gather(*(self._hand(delivery, records) for delivery in self._deliveries))

    async def _hand(self, delivery: Delivery[UnitOfWork], records: Sequence[Record]) -> None:
        wanted = [record for record in records if record.topic in delivery.consumers.topics]
        if wanted:
            await delivery.process(wanted)


def _placed(row: OutboxRow) -> Record:
    # A broker gives every record its own place; here the source tells one outbox's numbers from another's.
    return replace(record_of(row), partition=zlib.crc32(row.source.encode()) & 0xFFFF)
