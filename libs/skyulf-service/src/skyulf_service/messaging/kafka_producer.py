"""Publishing to Kafka: every row acknowledged by all in-sync replicas, in order."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from skyulf_service.database.outbox_row import OutboxRow
from skyulf_service.errors import UnavailableError
from skyulf_service.messaging.brokers import Brokers, brokers_at
from skyulf_service.messaging.kafka_logs import calm_client_logs
from skyulf_service.messaging.records import Record, record_of
from skyulf_service.messaging.topics import ensure_topics

_log = structlog.get_logger(__name__)
PATIENCE_SECONDS = 30.0
MAX_REQUEST_BYTES = 1 << 20
# Longer than our patience: the client must not give one batch up and go on with the next, which would reorder them.
REQUEST_TIMEOUT_MS = 120_000


class KafkaPublisher:
    """An idempotent producer that is made when first needed, and anew after every failure."""

    def __init__(
        self, brokers: Brokers | str, *, client_id: str = "skyulf-relay", patience: float = PATIENCE_SECONDS
    ) -> None:
        self._brokers = brokers_at(brokers)
        self._client_id = client_id
        self._patience = patience
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Return when the brokers have acknowledged all rows.

        Raises `UnavailableError` otherwise; some rows may have arrived then, so all of them must be published again.
        While the brokers are away the producer itself retries for ``patience`` seconds, without loss of order.
        """
        try:
            async with asyncio.timeout(self._patience):
                producer = self._producer or await self._start()
                await _send(producer, [record_of(row) for row in rows])
        except (KafkaError, TimeoutError, OSError) as error:
            await self._abandon()
            raise UnavailableError(f"Kafka did not take the events: {error!r}") from error
        except BaseException:
            await self._abandon()
            raise

    async def close(self) -> None:
        """Close the connections; what was not acknowledged stays in the outbox."""
        await self._abandon()

    async def _start(self) -> AIOKafkaProducer:
        calm_client_logs()
        await ensure_topics(self._brokers)
        producer = AIOKafkaProducer(
            **self._brokers.connection(),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        self._producer = producer
        await producer.start()
        return producer

    async def _abandon(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(Exception):
                await asyncio.shield(asyncio.wait_for(_end(producer), 10))


async def _send(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    acknowledged: list[asyncio.Future[object]] = []
    try:
        for record in records:
            sent = await producer.send(record.topic, record.value, key=record.key, headers=list(record.headers))
            acknowledged.append(sent)
        await asyncio.wait(acknowledged, return_when=asyncio.FIRST_EXCEPTION)
        for future in acknowledged:
            future.result()
    finally:
        for future in acknowledged:
            future.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen: nobody asks again


async def _end(producer: AIOKafkaProducer) -> None:
    # stop() first waits until all batches have left, which may be never, or later than their next attempt by another
    # producer. So the sender ends first; nothing leaves this process behind our back.
    sender = producer._sender.sender_task
    if sender is None:
        await producer.stop()
        return
    sender.cancel()
    await producer.client.close()
    await asyncio.wait({sender}, timeout=5)
    producer._closed = True
