"""What happens to a record: parse → claim → handle → retry → park. It knows no transport."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

import structlog
from prometheus_client import Counter
from sqlalchemy import delete
from sqlalchemy.exc import DBAPIError

from skyulf_service.database.engine import is_away
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.types import database_now
from skyulf_service.database.unit_of_work import UnitOfWork, UnitOfWorks
from skyulf_service.errors import StaleVersionError, UnavailableError
from skyulf_service.ids import utc_now
from skyulf_service.messaging.consumers import Consumers
from skyulf_service.messaging.dead_letters import DeadLetters, Parked
from skyulf_service.messaging.records import Message, Record, UnreadableRecordError, message_of
from skyulf_service.telemetry.tracing import span, use_traceparent

_log = structlog.get_logger(__name__)
U = TypeVar("U", bound=UnitOfWork)
CONSUMED = Counter("skyulf_events_consumed_total", "Events by what became of them", ["consumer", "outcome"])
INBOX_KEPT = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a failing handler is tried: ``transient`` times for what may pass by itself, else ``other`` times."""

    transient: int = 8
    other: int = 3
    first_pause: float = 0.05
    longest_pause: float = 1.0


@dataclass(frozen=True, slots=True)
class _Task(Generic[U]):
    """One message for one handler; ``call`` runs the handler on the parsed body."""

    message: Message
    consumer: str
    call: Callable[[U], Awaitable[None]]


class Delivery(Generic[U]):
    """Hands records to a service's handlers, each once per event, and parks what cannot be handled."""

    def __init__(self, consumers: Consumers[U], uows: UnitOfWorks[U], *, retries: Retries | None = None) -> None:
        self.consumers = consumers
        self.uows = uows
        self.retries = retries or Retries()
        self.dead_letters = DeadLetters(uows.database, uows.kind.tables)

    @property
    def group(self) -> str:
        """The consumer group."""
        return self.consumers.group

    async def process(self, records: Sequence[Record]) -> None:
        """Handle or park every record. Raises only when this service's database is away, so that nothing is lost."""
        tasks = [task for record in records for task in await self._parse(record)]
        if len(tasks) > 1 and await self._all_at_once(tasks):
            return
        for task in tasks:
            await self._one(task)

    async def replay(self, record: Record, consumer: str) -> None:
        """Handle a parked record again by the handler that failed. Raises what reading or handling it raises."""
        message = message_of(record)
        for each in self.consumers.named(consumer, message.type):
            await self._handle(_Task(message, each.consumer, each.prepare(message)))

    async def sweep_inbox(self) -> None:
        """Forget claims of events that are too old to come again."""
        inbox = self.uows.kind.tables.inbox
        async with self.uows.database.begin() as connection:
            await connection.execute(delete(inbox).where(inbox.c.handled_at < database_now(-INBOX_KEPT)))

    async def _parse(self, record: Record) -> list[_Task[U]]:
        try:
            message = message_of(record)
        except UnreadableRecordError as error:
            await self._park(record, self.group, reason=error.reason, error=str(error), attempts=1)
            return []
        tasks: list[_Task[U]] = []
        for each in self.consumers.subscriptions(message.type):
            try:
                tasks.append(_Task(message, each.consumer, each.prepare(message)))
            except UnreadableRecordError as error:
                await self._park(record, each.consumer, reason=error.reason, error=str(error), attempts=1)
        return tasks

    async def _all_at_once(self, tasks: Sequence[_Task[U]]) -> bool:
        # One transaction for the batch is many times faster; on any error each task gets its own.
        try:
            async with self.uows() as uow:
                for task in tasks:
                    await self._claim_and_call(uow, task)
        except Exception as error:
            _log.info("events.batch_split", group=self.group, tasks=len(tasks), error=repr(error))
            return False
        for task in tasks:
            CONSUMED.labels(task.consumer, "handled").inc()
        return True

    async def _one(self, task: _Task[U]) -> None:
        attempt, pause = 0, self.retries.first_pause
        while True:
            attempt += 1
            try:
                await self._handle(task)
            except Exception as error:
                transient = _is_transient(error)
                limit = self.retries.transient if transient else self.retries.other
                if attempt < limit:
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, self.retries.longest_pause)
                    continue
                if transient and await self._database_is_away():
                    raise
                await self._park(
                    task.message.record, task.consumer, reason="handler-failed", error=repr(error), attempts=attempt
                )
            else:
                CONSUMED.labels(task.consumer, "handled").inc()
            return

    async def _handle(self, task: _Task[U]) -> None:
        async with self.uows() as uow:
            await self._claim_and_call(uow, task)

    async def _claim_and_call(self, uow: U, task: _Task[U]) -> None:
        claim = {"consumer": task.consumer, "event_id": task.message.id, "handled_at": utc_now()}
        if not await insert_ignoring_conflict(uow.connection, uow.tables.inbox, claim):
            return
        with use_traceparent(task.message.traceparent), span(f"consume {task.message.type}"):
            await task.call(uow)

    async def _database_is_away(self) -> bool:
        try:
            await self.uows.database.ping()
        except Exception:
            return True
        return False

    async def _park(self, record: Record, consumer: str, *, reason: str, error: str, attempts: int) -> None:
        await self.dead_letters.park(Parked(record, consumer, reason, error, attempts))
        CONSUMED.labels(consumer, "parked").inc()
        _log.warning("event.parked", consumer=consumer, topic=record.topic, reason=reason, error=error[:500])


def _is_transient(error: Exception) -> bool:
    if isinstance(error, StaleVersionError | UnavailableError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and is_away(error)
