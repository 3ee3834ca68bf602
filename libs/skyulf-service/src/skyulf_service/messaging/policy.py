"""What happens to a record: parse → claim → handle → retry → park. It knows no transport."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

import structlog
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.errors import StorageFullError, UnavailableError
from skyulf_service.messaging.claims import Claims
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import DeadLetters, NoHandlerError
from skyulf_service.messaging.parked import HANDLER_FAILED, TRANSIENT, Parked
from skyulf_service.messaging.records import Record, UnreadableRecordError, type_of
from skyulf_service.messaging.retries import Budget, Retries, ends_transaction, is_transient
from skyulf_service.messaging.settling import Settling
from skyulf_service.messaging.tasks import Task, claims_of, read, tasks_of
from skyulf_service.telemetry.metrics import HTTP_BUCKETS
from skyulf_service.telemetry.tracing import span, use_traceparent

__all__ = ["Delivery", "Retries"]

_log = structlog.get_logger(__name__)
U = TypeVar("U", bound=UnitOfWork)
CONSUMED = Counter("skyulf_events_consumed_total", "Events by what became of them", ["consumer", "outcome"])
HANDLING = Histogram(
    "skyulf_event_handling_seconds", "Time that a consumer takes for one event", ["consumer"], buckets=HTTP_BUCKETS
)
# one transaction's worth: few enough that SQLite's other writers do not wait long
TOGETHER = 50


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
        self.claims: Claims[U] = Claims(uows.database, uows.kind.tables, group=consumers.group)
        self.settling = Settling(uows.database, uows.kind.tables, self.dead_letters)
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

        Never raises for a bad record. Raises `UnavailableError` when this service's database is away, or has no room;
        the transport must then deliver all of the records again, which is harmless for those that were handled.
        """
        tasks = [task for record in records for task in await self._parse(record)]
        budget = Budget(self.retries)
        for start in range(0, len(tasks), TOGETHER):
            for task in await self._together(tasks[start : start + TOGETHER]):
                await self._alone(task, budget)

    async def unhandled(self, records: Sequence[Record]) -> list[Record]:
        """Leave out records that all of their handlers have handled: one question for many that come again."""
        wanted = [(record, claims_of(self.consumers, record)) for record in records]
        known = await self.claims.taken({claim for _, claims in wanted for claim in claims or ()})
        return [record for record, claims in wanted if claims is None or not claims <= known]

    async def replay(
        self, record: Record, consumer: str, *, done: Callable[[AsyncConnection], Awaitable[None]] | None = None
    ) -> None:
        """Handle a parked record again by the handler that failed, in one transaction with ``done``.

        Raises what reading or handling it raises, and `NoHandlerError` where nobody of that name would handle it: the
        letter may be of another release, which runs beside this one or has given its handlers other names.
        """
        tasks = tasks_of(self.consumers, record, consumer)
        if not tasks:
            raise NoHandlerError(
                f"This release has no handler {consumer} of {type_of(record)}, so nothing was tried and the letter "
                "stays: replay it once the release that has it runs everywhere, or discard it."
            )
        async with self._transaction() as uow:
            for task in tasks:
                if await self.claims.take(uow.connection, task):
                    await self._call(uow, task)
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
                await self.claims.take(uow.connection, task)
            await done(uow.connection)

    async def _parse(self, record: Record) -> list[Task[U]]:
        try:
            named = type_of(record)
            if named is not None and not self.consumers.subscriptions(named):
                CONSUMED.labels(self.group, "ignored").inc()
                return []
            message = read(record)
        except UnreadableRecordError as error:
            await self._park(Parked(record, self.group, error.reason, str(error)))
            return []
        tasks: list[Task[U]] = []
        for each in self.consumers.subscriptions(message.type):
            try:
                tasks.append(Task(message, each.consumer, each.prepare(message)))
            except UnreadableRecordError as error:
                await self._park(Parked(record, each.consumer, error.reason, str(error)))
        return tasks

    def _readable(self, record: Record, consumer: str) -> list[Task[U]]:
        try:
            return tasks_of(self.consumers, record, consumer)
        except UnreadableRecordError:
            return []

    async def _together(self, tasks: Sequence[Task[U]]) -> Sequence[Task[U]]:
        """Handle tasks in one transaction, many times faster than one each; return those that are left."""
        if len(tasks) < 2:
            return tasks
        left: list[Task[U]] = []
        outcomes: list[tuple[str, str]] = []
        waiting: set[tuple[str, bytes | None]] = set()
        try:
            async with self._transaction() as uow:
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

    async def _in_savepoint(self, uow: U, task: Task[U]) -> str | None:
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

    async def _alone(self, task: Task[U], budget: Budget) -> None:
        try:
            async for attempt in budget.attempts():
                with attempt:
                    outcome = await self._in_own_transaction(task)
        except Exception as error:
            outcome = await self._give_up(task, error, budget.tried)
        CONSUMED.labels(task.consumer, outcome).inc()

    async def _give_up(self, task: Task[U], error: Exception, tried: int) -> str:
        if is_transient(error):
            await self.uows.database.ping()  # raises while the database is away: nothing is parked for that
        if isinstance(error, UnavailableError):
            try:
                return await self._in_own_transaction(task)  # it may have come back between the last try and now
            except Exception as last:
                error = last
        if isinstance(error, StorageFullError):
            raise error  # nothing is parked for want of room: whoever delivers waits until there is some
        _log.warning("event.failed", consumer=task.consumer, event_id=str(task.message.id), exc_info=error)
        reason = TRANSIENT if is_transient(error) else HANDLER_FAILED
        await self._park(Parked(task.message.record, task.consumer, reason, repr(error), tried), counted=False)
        return "parked"

    async def _in_own_transaction(self, task: Task[U]) -> str:
        async with self._transaction() as uow:
            return await self._claim_and_call(uow, task)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[U]:
        async with self.uows() as uow:
            if self.consumers.first is not None:
                await self.consumers.first(uow)
            yield uow

    async def _claim_and_call(self, uow: U, task: Task[U]) -> str:
        if not await self.claims.take_unless_discarded(uow.connection, task):
            return "duplicate"
        await self._call(uow, task)
        return "handled"

    async def _call(self, uow: U, task: Task[U]) -> None:
        attributes = {"messaging.message.id": str(task.message.id), "messaging.consumer.group.name": task.consumer}
        with (
            use_traceparent(task.message.traceparent),
            span(f"consume {task.message.type}", attributes, kind=SpanKind.CONSUMER),
            HANDLING.labels(task.consumer).time(),
        ):
            async with asyncio.timeout(self.retries.handler):
                await task.call(uow)

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
