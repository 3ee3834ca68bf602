"""Units of work: repositories and outgoing events in one transaction."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ClassVar, Generic, TypeVar

from skyulf_events import Event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.failures import violates_unique
from skyulf_service.database.tables import MessagingTables
from skyulf_service.errors import StaleVersionError, TooLargeError
from skyulf_service.telemetry.tracing import current_traceparent

MAX_EVENT_BYTES = 512 << 10


class UnitOfWork:
    """One transaction of a service. Subclasses set their repositories on the connection."""

    tables: ClassVar[MessagingTables]

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self.published = 0
        self.is_news = False
        self.afterwards: list[Callable[[], object]] = []

    def after_commit(self, call: Callable[[], object]) -> None:
        """Have something done once the transaction is committed, and only then: counting what has become true."""
        self.afterwards.append(call)

    def tell(self) -> None:
        """Wake whoever waits for commits of this database, in any process, though no event leaves with this one."""
        self.is_news = True

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self.connection.dialect.name

    async def publish(self, event: Event) -> None:
        """Put an event into the outbox; it leaves when the transaction is committed.

        Raises `TooLargeError` for a body over 512 KiB: events carry ids and facts, not data.
        """
        body = event.model_dump_json()
        if (size := len(body.encode())) > MAX_EVENT_BYTES:
            raise TooLargeError(f"The event {event.type} would have {size} bytes; the limit is {MAX_EVENT_BYTES}.")
        row = {
            "event_id": event.event_id,
            "topic": event.topic,
            "type": event.ce_type(),
            "source": event.source,
            "data_schema": event.data_schema(),
            "aggregate_id": event.subject,
            "aggregate_version": event.aggregate_version,
            "project_id": event.project_id,
            "body": body,
            "traceparent": current_traceparent(),
            "occurred_at": event.occurred_at,
        }
        await self.connection.execute(self.tables.outbox.insert().values(row))
        self.published += 1


U = TypeVar("U", bound=UnitOfWork)


class UnitOfWorks(Generic[U]):
    """Opens units of work on one database. ``on_publish`` is called after a commit that left events in the outbox."""

    def __init__(self, database: Database, kind: type[U], *, on_publish: Callable[[], None] | None = None) -> None:
        self.database = database
        self.kind = kind
        self.on_publish = on_publish

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[U]:
        """A unit that commits when its block ends well, and rolls back otherwise.

        Raises `StaleVersionError` when two writers gave one aggregate the same version.
        """
        try:
            async with self.database.begin() as connection:
                uow = self.kind(connection)
                yield uow
        except IntegrityError as error:
            raise conflict(error) from error
        for call in uow.afterwards:
            call()
        if uow.published or uow.is_news:
            self.database.news.announce()
        if uow.published and self.on_publish is not None:
            self.on_publish()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[U]:
        """A unit that only reads."""
        async with self.database.read() as connection:
            yield self.kind(connection)


def conflict(error: IntegrityError) -> Exception:
    """Translate a unique constraint that two writers raced for: who retries reads the winner's row."""
    if violates_unique(error):
        return StaleVersionError("The same thing was written by somebody else at the same moment; retry.")
    return error
