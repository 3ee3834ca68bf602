"""A tiny service for tests of the technique: counters that are raised, announced, and summed up by a consumer.

Effects go to a ledger without a unique constraint, so that a second effect shows.
"""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from skyulf_events import Event, Topic
from sqlalchemy import BigInteger, Column, Integer, RowMapping, String, Table, Text, Uuid, select
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.repository import Repository
from skyulf_service.database.tables import Sequence, add_messaging_tables, new_metadata
from skyulf_service.database.types import Json, UtcDateTime
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.ids import new_id, utc_now

TOPIC = Topic(name="skyulf.counters.v1")

metadata = new_metadata()
messaging = add_messaging_tables(metadata)

counters = Table(
    "counters",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("project_id", Uuid, nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("value", Integer, nullable=False),
    Column("notes", Json, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("seq", Sequence, primary_key=True, autoincrement=True),
    Column("consumer", String(120), nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("counter_id", Uuid, nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


class CounterRaised(Event):
    """A counter was raised."""

    type: ClassVar[str] = "counter.raised"
    topic: ClassVar[str] = TOPIC.name
    source: ClassVar[str] = "/services/sample"
    subject_field: ClassVar[str] = "counter_id"

    counter_id: UUID
    value: int


@dataclass
class Counter:
    """Something that is counted."""

    project_id: UUID
    name: str = "visitors"
    value: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    id: UUID = field(default_factory=new_id)
    version: int = 1
    created_at: datetime = field(default_factory=utc_now)
    updated_at: datetime = field(default_factory=utc_now)

    def raised(self) -> CounterRaised:
        """The event of the counter's present state."""
        return CounterRaised(
            event_id=new_id(),
            project_id=self.project_id,
            aggregate_version=self.version,
            occurred_at=utc_now(),
            counter_id=self.id,
            value=self.value,
        )


class CounterRepository(Repository[Counter]):
    """Counters."""

    table = counters
    entity = "counter"

    def to_row(self, aggregate: Counter) -> dict[str, object]:
        """Write a counter as a row."""
        return asdict(aggregate)

    def from_row(self, row: RowMapping) -> Counter:
        """Read a counter from a row."""
        return Counter(**row)


class SampleUnitOfWork(UnitOfWork):
    """One transaction of the sample service."""

    tables = messaging

    def __init__(self, connection: AsyncConnection) -> None:
        super().__init__(connection)
        self.counters = CounterRepository(connection)

    async def note(self, consumer: str, event: CounterRaised) -> None:
        """Write an effect into the ledger."""
        row = {
            "consumer": consumer,
            "event_id": event.event_id,
            "counter_id": event.counter_id,
            "aggregate_version": event.aggregate_version,
        }
        await self.connection.execute(ledger.insert().values(row))


async def create_tables(database: Database) -> None:
    """Create all tables of the sample service."""
    async with database.begin() as connection:
        await connection.run_sync(metadata.create_all)


async def effects(database: Database) -> list[tuple[str, UUID, UUID, int]]:
    """The ledger: consumer, event, counter and version of every effect, in their order."""
    columns = ledger.c
    query = select(columns.consumer, columns.event_id, columns.counter_id, columns.aggregate_version)
    async with database.read() as connection:
        return [tuple(row) for row in (await connection.execute(query.order_by(columns.seq))).all()]
