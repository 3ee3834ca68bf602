"""The inbox: which handler has taken which event, and records that no handler shall take any more."""

from collections.abc import Collection
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, delete, exists, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from skyulf_service.database.engine import Database
from skyulf_service.database.repository import insert_ignoring_conflict
from skyulf_service.database.tables import MessagingTables
from skyulf_service.database.types import database_now
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.ids import utc_now
from skyulf_service.messaging.dead_letters import was_discarded
from skyulf_service.messaging.tasks import Task

U = TypeVar("U", bound=UnitOfWork)
# longer than any topic keeps its records: offsets may be reset to the beginning
INBOX_KEPT = timedelta(days=14)
# small deletes: a large one would be SQLite's only writer for seconds
SWEEP = 1000


class Claims(Generic[U]):
    """The claims of one service. ``group`` is who parks records that no handler was called for."""

    def __init__(self, database: Database, tables: MessagingTables, *, group: str) -> None:
        self._database = database
        self._inbox = tables.inbox
        self._group = group
        self._unless_discarded = _claim_unless_discarded(database.dialect, tables)

    async def take(self, connection: AsyncConnection, task: Task[U]) -> bool:
        """Claim a parked event for its handler; says whether nobody had."""
        return await insert_ignoring_conflict(connection, self._inbox, _claim(task))

    async def take_unless_discarded(self, connection: AsyncConnection, task: Task[U]) -> bool:
        """Claim an event that has come; says whether nobody had, and nobody has discarded its very record.

        A letter that could not be read when it was discarded has no claim, since its id was not known to be its own.
        """
        known = {"fingerprint": task.message.fingerprint, "nobody": self._group}
        return (await connection.execute(self._unless_discarded, {**_claim(task), **known})).rowcount == 1

    async def taken(self, claims: Collection[tuple[str, UUID]]) -> set[tuple[str, UUID]]:
        """Which of these claims (consumer, event id) there are."""
        if not claims:
            return set()
        inbox = self._inbox.c
        consumers, events = sorted({consumer for consumer, _ in claims}), sorted({event for _, event in claims})
        chosen = select(inbox.consumer, inbox.event_id).where(inbox.consumer.in_(consumers), inbox.event_id.in_(events))
        async with self._database.read() as connection:
            return {(row.consumer, row.event_id) for row in await connection.execute(chosen)}

    async def sweep(self) -> None:
        """Forget claims of events that are too old to come again."""
        inbox, gone = self._inbox, SWEEP
        while gone == SWEEP:
            old = select(inbox.c.consumer, inbox.c.event_id).where(inbox.c.handled_at < database_now(-INBOX_KEPT))
            chosen = tuple_(inbox.c.consumer, inbox.c.event_id).in_(old.limit(SWEEP))
            async with self._database.begin() as connection:
                gone = (await connection.execute(delete(inbox).where(chosen))).rowcount


def _claim(task: Task[U]) -> dict[str, object]:
    return {"consumer": task.consumer, "event_id": task.message.id, "handled_at": utc_now()}


def _claim_unless_discarded(dialect: str, tables: MessagingTables) -> sqlite.Insert | postgresql.Insert:
    # One statement, built once: every event passes here, and a question of its own would be one more way to the
    # database and back for each.
    inbox, letters = tables.inbox, tables.dead_letters
    consumer = bindparam("consumer", type_=inbox.c.consumer.type)
    gone = exists().where(
        letters.c.consumer.in_([consumer, bindparam("nobody", type_=letters.c.consumer.type)]),
        letters.c.fingerprint == bindparam("fingerprint", type_=letters.c.fingerprint.type),
        was_discarded(letters),
    )
    columns = [inbox.c.consumer, inbox.c.event_id, inbox.c.handled_at]
    row = select(consumer, *(bindparam(each.name, type_=each.type) for each in columns[1:])).where(~gone)
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(inbox).from_select(columns, row).on_conflict_do_nothing()
