"""Delivery in one process: the relay of one service hands its rows to the tables of handlers of all."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.messaging.records import Record, record_of


class Receiver(Protocol):
    """What the transport needs of a `Delivery`."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics that the service listens to."""
        ...

    async def process(self, records: Sequence[Record]) -> None:
        """Handle or park all records."""
        ...


class InProcessTransport:
    """Connects the services of one process. It is the publisher of all their relays.

    As with Kafka, a service hears its own events too, if it has handlers for them.
    """

    def __init__(self) -> None:
        self._receivers: list[Receiver] = []

    def register(self, receiver: Receiver) -> None:
        """Let a service receive what the services of this process publish."""
        self._receivers.append(receiver)

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Hand the rows, in order, to every service that listens to their topics; return when all of it is safe.

        A crash before that redelivers, which the inbox makes harmless. A failing handler is retried for a few seconds
        and then parked by the policy, so that it never stalls the service that published. Raises when the database of
        a receiver is away; the others have the rows by then.
        """
        records = [record_of(row) for row in rows]
        results = await asyncio.gather(*(_hand(each, records) for each in self._receivers), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


async def _hand(receiver: Receiver, records: Sequence[Record]) -> None:
    wanted = [record for record in records if record.topic in receiver.topics]
    if wanted:
        await receiver.process(wanted)
