"""What happens to a record: parse → claim → handle → retry → park. It knows no transport."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram
from sqlalchemy import delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.types import database_now
from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import utc_now
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import DeadLetters
from skyulf_service.messaging.parked import Parked
from skyulf_service.messaging.records import Message, Record, UnreadableRecordError, message_of, type_of
from skyulf_service.messaging.retries import Budget, Retries, ends_transaction, is_transient
from skyulf_service.telemetry.metrics import HTTP_BUCKETS
from skyulf_service.telemetry.tracing import span, use_traceparent

__all__ = ["Delivery", "Retries"]

_log = structlog.get_logger(__name__)
U = TypeVar("U", bound=UnitOfWork)
CONSUMED = Counter("skyulf_events_consumed_total", "Events by what became of them", ["consumer", "outcome"])
HANDLING = Histogram(
    "skyulf_event_handling_seconds", "Time that a consumer takes for one event", ["consumer"], buckets=HTTP_BUCKETS
)
# longer than any topic keeps its records: offsets may be reset to the beginning
INBOX_KEPT = timedelta(days=14)
# one transaction's worth: few enough that SQLite's other writers do not wait long
TOGETHER = 50
MAX_BODY = 1 << 20
SWEEP = 1000


@dataclass(frozen=True, slots=True)
class _Task(Generic[U]):
    """One message for one handler; ``call`` runs the handler on the parsed body."""

    message: Message
    consumer: str
    call: Callable[[U], Awaitable[None]]


class Delivery(Generic[U]):
    """Hands records to a service's handlers, each event once to each, and parks what cannot be handled.

    ``on_parked`` is told of every record that is parked, after the fact.
    """

    def __init__(
        self,
        consumers: Consumers[U],
        uows: UnitOfWorks[U],
        *,
        retries: Retries | None = None,
        on_parked: Callable[[Parked], None] | None = None,
    ) -> None:
        self.consumers = consumers
        self.uows = uows
        self.retries = retries or Retries()
        self.dead_letters = DeadLetters(uows.database, uows.kind.tables)
        self._on_parked = on_parked

    @property
    def group(self) -> str:
        """The consumer group."""
        return self.consumers.group

    @property
    def topics(self) -> frozenset[str]:
        """The topics that the handlers listen to."""
        return self.consumers.topics

    async def process(self, records: Sequence[Record]) -> None:
        """Handle or park every record, those of one key in their order.

        Never raises for a bad record. Raises `UnavailableError` when this service's database is away; the transport
        must then deliver all of the records again, which is harmless for those that were handled.
        """
        tasks = [task for record in records for task in await self._parse(record)]
        budget = Budget(self.retries)
        for start in range(0, len(tasks), TOGETHER):
            for task in await self._together(tasks[start : start + TOGETHER]):
                await self._alone(task, budget)

    async def replay(
        self, record: Record, consumer: str, *, done: Callable[[AsyncConnection], Awaitable[None]] | None = None
    ) -> None:
        """Handle a parked record again by the handler that failed, in one transaction with ``done``.

        Raises what reading or handling it raises.
        """
        message = message_of(record)
        named = self.consumers.named(consumer, message.type)
        tasks = [_Task(message, each.consumer, each.prepare(message)) for each in named]
        async with self.uows() as uow:
            for task in tasks:
                await self._claim_and_call(uow, task)
            if done is not None:
                await done(uow.connection)

    async def pass_over(
        self, record: Record, consumer: str, *, done: Callable[[AsyncConnection], Awaitable[None]]
    ) -> None:
        """Take a parked record for handled by the handler that failed, in one transaction with ``done``.

        Nothing is taken for handled where it cannot be read: its id may be another event's.
        """
        async with self.uows() as uow:
            for task in self._readable(record, consumer):
                await self._claim(uow, task)
            await done(uow.connection)

    async def sweep_inbox(self) -> None:
        """Forget claims of events that are too old to come again."""
        inbox, gone = self.uows.kind.tables.inbox, SWEEP
        while gone == SWEEP:  # small deletes: a large one would be SQLite's only writer for seconds
            old = select(inbox.c.consumer, inbox.c.event_id).where(inbox.c.handled_at < database_now(-INBOX_KEPT))
            chosen = tuple_(inbox.c.consumer, inbox.c.event_id).in_(old.limit(SWEEP))
            async with self.uows.database.begin() as connection:
                gone = (await connection.execute(delete(inbox).where(chosen))).rowcount

    async def _parse(self, record: Record) -> list[_Task[U]]:
        try:
            named = type_of(record)
            if named is not None and not self.consumers.subscriptions(named):
                CONSUMED.labels(self.group, "ignored").inc()
                return []
            if len(record.value) > MAX_BODY:
                raise UnreadableRecordError("too-large", f"the body has {len(record.value)} bytes, over {MAX_BODY}")
            message = message_of(record)
        except UnreadableRecordError as error:
            await self._park(Parked(record, self.group, error.reason, str(error)))
            return []
        tasks: list[_Task[U]] = []
        for each in self.consumers.subscriptions(message.type):
            try:
                tasks.append(_Task(message, each.consumer, each.prepare(message)))
            except UnreadableRecordError as error:
                await self._park(Parked(record, each.consumer, error.reason, str(error)))
        return tasks

    def _readable(self, record: Record, consumer: str) -> list[_Task[U]]:
        try:
            message = message_of(record)
            named = self.consumers.named(consumer, message.type)
            return [_Task(message, each.consumer, each.prepare(message)) for each in named]
        except UnreadableRecordError:
            return []

    async def _together(self, tasks: Sequence[_Task[U]]) -> Sequence[_Task[U]]:
        """Handle tasks in one transaction, many times faster than one each; return those that are left."""
        if len(tasks) < 2:
            return tasks
        left: list[_Task[U]] = []
        outcomes: list[tuple[str, str]] = []
        waiting: set[tuple[str, bytes | None]] = set()
        try:
            async with self.uows() as uow:
                for task in tasks:
                    place = (task.consumer, task.message.record.key)
                    if place not in waiting and (outcome := await self._in_savepoint(uow, task)):
                        outcomes.append((task.consumer, outcome))
                    else:
                        waiting.add(place)  # what follows it in its aggregate's order waits with it
                        left.append(task)
        except Exception as error:
            _log.info("events.batch_split", group=self.group, tasks=len(tasks), error=repr(error)[:300])
            return tasks
        for consumer, outcome in outcomes:
            CONSUMED.labels(consumer, outcome).inc()
        return left

    async def _in_savepoint(self, uow: U, task: _Task[U]) -> str | None:
        before = len(uow.afterwards)
        try:
            async with uow.connection.begin_nested():
                return await self._claim_and_call(uow, task)
        except Exception as error:
            del uow.afterwards[before:]  # what this task did is rolled back
            if ends_transaction(error):
                raise
            _log.debug("event.set_aside", consumer=task.consumer, error=repr(error)[:300])
            return None

    async def _alone(self, task: _Task[U], budget: Budget) -> None:
        try:
            async for attempt in budget.attempts():
                with attempt:
                    outcome = await self._in_own_transaction(task)
        except Exception as error:
            outcome = await self._give_up(task, error, budget.tried)
        CONSUMED.labels(task.consumer, outcome).inc()

    async def _give_up(self, task: _Task[U], error: Exception, tried: int) -> str:
        if is_transient(error):
            await self.uows.database.ping()  # raises while the database is away: nothing is parked for that
        if isinstance(error, UnavailableError):
            try:
                return await self._in_own_transaction(task)  # it may have come back between the last try and now
            except Exception as last:
                error = last
        _log.warning("event.failed", consumer=task.consumer, event_id=str(task.message.id), exc_info=error)
        reason = "transient" if is_transient(error) else "handler-failed"
        await self._park(Parked(task.message.record, task.consumer, reason, repr(error), tried), counted=False)
        return "parked"

    async def _in_own_transaction(self, task: _Task[U]) -> str:
        async with self.uows() as uow:
            return await self._claim_and_call(uow, task)

    async def _claim(self, uow: U, task: _Task[U]) -> bool:
        claim: dict[str, object] = {"consumer": task.consumer, "event_id": task.message.id, "handled_at": utc_now()}
        return await insert_ignoring_conflict(uow.connection, uow.tables.inbox, claim)

    async def _claim_and_call(self, uow: U, task: _Task[U]) -> str:
        if not await self._claim(uow, task):
            return "duplicate"
        attributes = {"messaging.message.id": str(task.message.id), "messaging.consumer.group.name": task.consumer}
        with (
            use_traceparent(task.message.traceparent),
            span(f"consume {task.message.type}", attributes, kind=SpanKind.CONSUMER),
            HANDLING.labels(task.consumer).time(),
        ):
            async with asyncio.timeout(self.retries.handler):
                await task.call(uow)
        return "handled"

    async def _park(self, parked: Parked, *, counted: bool = True) -> None:
        if await self.dead_letters.park(parked):
            _log.warning(
                "event.parked",
                consumer=parked.consumer,
                topic=parked.record.topic,
                reason=parked.reason,
                error=parked.error[:500],
            )
        if counted:
            CONSUMED.labels(parked.consumer, "parked").inc()
        if self._on_parked is not None:
            self._on_parked(parked)
