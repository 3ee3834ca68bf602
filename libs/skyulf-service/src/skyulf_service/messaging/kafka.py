"""Consuming from Kafka: raw batches to the policy, one offset commit per batch, for as long as the process lives."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.messaging.brokers import Brokers, brokers_at
from skyulf_service.messaging.kafka_logs import calm_client_logs
from skyulf_service.messaging.kafka_producer import KafkaPublisher
from skyulf_service.messaging.lag import LagGauge
from skyulf_service.messaging.policy import Delivery
from skyulf_service.messaging.records import Record
from skyulf_service.messaging.topics import ensure_topics
from skyulf_service.settings import SaslMechanism

__all__ = ["KafkaConsumers", "KafkaPublisher", "UnsafeSubscriberError", "ensure_topics"]

_log = structlog.get_logger(__name__)
U = TypeVar("U", bound=UnitOfWork)
Process = Callable[[Sequence[Record]], Awaitable[None]]

BATCH = 200
POLL_MS = 20
CHECK_SECONDS = 2.0
# The client finds its brokers again by itself, and sooner than a new one, which waits for the old member's session.
AWAY_SECONDS = 120.0
PATIENCE_SECONDS = 60.0
SASL: Mapping[SaslMechanism, type[SASLPlaintext | SASLScram256 | SASLScram512]] = {
    "PLAIN": SASLPlaintext,
    "SCRAM-SHA-256": SASLScram256,
    "SCRAM-SHA-512": SASLScram512,
}


class UnsafeSubscriberError(RuntimeError):
    """A subscriber would acknowledge by itself and lose events; the start is refused."""


class KafkaConsumers:
    """One batch subscriber per topic of a service's handlers. ``connected`` is for readiness."""

    def __init__(self, brokers: Brokers | str, delivery: Delivery[U], *, instance: str | None = None) -> None:
        self._brokers = brokers_at(brokers)
        self._delivery = delivery
        self._group = delivery.consumers.group
        self._instance = instance
        self._lag = LagGauge(self._group)
        self.connected = False

    async def run(self) -> None:
        """Consume until cancelled. Brokers that are away are waited for; a broken connection is made anew."""
        calm_client_logs()
        pause = 0.5
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await ensure_topics(self._brokers)
                await self._consume()
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("kafka.away", group=self._group, error=repr(error), retry_in=pause)
            finally:
                self.connected = False
            if asyncio.get_running_loop().time() - started > AWAY_SECONDS:
                pause = 0.5
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def ready(self) -> bool:
        """Whether the brokers answer."""
        return self.connected

    async def _consume(self) -> None:
        broker = new_broker(self._brokers, client_id=f"skyulf-{self._group}")
        for topic in sorted(self._delivery.consumers.topics):
            subscribe(broker, topic, group=self._group, process=self._delivery.process, instance=self._instance)
        check_subscribers(broker)
        try:
            await broker.start()
            await self._watch(broker)
        finally:
            self._lag.clear()
            with suppress(Exception):
                await asyncio.shield(asyncio.wait_for(broker.stop(), 20))

    async def _watch(self, broker: KafkaBroker) -> None:
        loop = asyncio.get_running_loop()
        seen = loop.time()
        while loop.time() - seen < AWAY_SECONDS:
            answers = await _answers(broker)
            if answers != self.connected:
                _log.info("kafka.connected" if answers else "kafka.lost", group=self._group)
            self.connected = answers
            seen = loop.time() if answers else seen
            if answers:
                with suppress(
                    KafkaError, TimeoutError, OSError
                ):  # partitions that are moving: the next look finds them
                    await self._lag.measure(_consumers(broker))
            await asyncio.sleep(CHECK_SECONDS)
        _log.warning("kafka.connection_renewed", group=self._group)


def new_broker(where: Brokers | str, *, client_id: str) -> KafkaBroker:
    """Return a broker that only consumes, and never creates a topic."""
    brokers = brokers_at(where)
    logger = logging.getLogger("faststream.kafka")
    logger.setLevel(logging.ERROR)  # it warns at each start that it may not create topics, which is as we want it
    return KafkaBroker(
        brokers.connection()["bootstrap_servers"],
        security=_security(brokers),
        client_id=client_id,
        consumer_only=True,
        allow_auto_create_topics=False,
        ack_policy=AckPolicy.MANUAL,
        graceful_timeout=10.0,
        log_level=logging.DEBUG,
        logger=logger,
    )


def _security(brokers: Brokers) -> BaseSecurity:
    """What a connection needs, in FastStream's words."""
    connection = brokers.connection()
    context, name, password = connection["ssl_context"], brokers.username, brokers.password
    if not brokers.has_sasl:
        return BaseSecurity(context)
    return SASL[brokers.mechanism](name, password, context)


def subscribe(broker: KafkaBroker, topic: str, *, group: str, process: Process, instance: str | None = None) -> None:
    """Subscribe a group to a topic, in batches with manual acknowledgement: the only way it is done here.

    ``instance`` (a stable name per process) makes the membership static, so that a restart moves no partition.
    """
    subscriber = broker.subscriber(
        topic,
        batch=True,
        max_records=BATCH,
        batch_timeout_ms=POLL_MS,
        group_id=group,
        group_instance_id=None if instance is None else f"{instance}-{topic}",
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        session_timeout_ms=15_000,
        heartbeat_interval_ms=3_000,
        max_poll_interval_ms=300_000,
        parser=_keep_raw,
        decoder=_no_decoding,
    )

    @subscriber
    async def handle(msg: KafkaMessage) -> None:
        await _handle(msg, process, group)


def check_subscribers(broker: KafkaBroker) -> None:
    """Raise `UnsafeSubscriberError` unless each acknowledges by hand, in a group, from the earliest record."""
    for each in broker.subscribers:
        options = each._connection_args if isinstance(each, BatchSubscriber) else {}
        by_hand = getattr(each, "ack_policy", None) is AckPolicy.MANUAL and not options.get("enable_auto_commit", True)
        if not (by_hand and options.get("auto_offset_reset") == "earliest" and getattr(each, "group_id", None)):
            raise UnsafeSubscriberError(f"{each!r} was not made by `subscribe`; it would lose events")


async def _handle(msg: KafkaMessage, process: Process, group: str) -> None:
    records = [_record(raw) for raw in msg.raw_message]
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + PATIENCE_SECONDS, 0.2
    while True:
        try:
            await process(records)
            break
        except Exception as error:
            # Returning would let the next batch's commit skip this one: it is repeated, or fetched again.
            _log.warning("kafka.batch_waits", group=group, records=len(records), error=repr(error), retry_in=pause)
            if loop.time() > deadline:
                with suppress(IllegalStateError):  # the partition has moved: its new owner gets the batch
                    await msg.nack()
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
    try:
        await msg.ack()
    except KafkaError as error:
        # The partition has moved; its new owner gets the batch again, and the inbox drops it.
        _log.info("kafka.commit_refused", group=group, error=repr(error))


async def _keep_raw(
    raw: tuple[ConsumerRecord, ...], original: Callable[[tuple[ConsumerRecord, ...]], Awaitable[KafkaMessage]]
) -> KafkaMessage:
    # The original parser decodes headers as UTF-8 and fails for the whole batch, which would then be skipped.
    message = await original(tuple(replace(each, headers=(), value=b"") for each in raw))
    message.raw_message = raw
    return message


async def _no_decoding(message: KafkaMessage) -> object:
    return message.body


def _record(raw: ConsumerRecord) -> Record:
    headers = [(name, value or b"") for name, value in raw.headers]
    return Record(raw.topic, raw.key, raw.value or b"", headers, raw.partition, raw.offset)


def _consumers(broker: KafkaBroker) -> list[AIOKafkaConsumer]:
    found = [each.consumer for each in broker.subscribers if isinstance(each, BatchSubscriber)]
    return [each for each in found if each is not None]


async def _answers(broker: KafkaBroker) -> bool:
    consumers = _consumers(broker)
    if not consumers:
        return False
    try:
        async with asyncio.timeout(3):
            await consumers[0].topics()
    except (KafkaError, TimeoutError, OSError):
        return False
    return True
