"""Keeping every published event in one order."""

from datetime import datetime, timedelta
from uuid import UUID

import orjson
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.ids import utc_now
from skyulf_service.messaging.records import Message, Record

from skyulf_gateway.domain.log import EventFilter, LoggedEvent
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork

STEP = 1000


async def lock_log(uow: GatewayUnitOfWork) -> None:
    """Let nobody else append until the transaction ends, nor claim an event that is to be appended."""
    await uow.event_log.lock()


async def append_event(uow: GatewayUnitOfWork, *, message: Message) -> int:
    """Append an event of any type, also of one that this release does not know; returns its number."""
    body = orjson.loads(message.body)
    return await uow.event_log.append(
        LoggedEvent(
            event_id=message.id,
            project_id=UUID(body["project_id"]),
            type=message.type,
            source=message.source,
            subject=message.subject,
            data_schema=message.data_schema,
            occurred_at=datetime.fromisoformat(message.time),
            data=orjson.dumps(body).decode(),
        )
    )


def is_young(record: Record, *, keep: timedelta) -> bool:
    """Whether an event happened so lately that the log would still have it; what does not say when is for the log."""
    try:
        return datetime.fromisoformat(record.header("ce_time") or "") > utc_now() - keep
    except (ValueError, TypeError):
        return True


async def forget_old_events(uows: UnitOfWorks[GatewayUnitOfWork], *, keep: timedelta) -> int:
    """Remove events older than ``keep``, in short transactions; returns how many."""
    before, total = utc_now() - keep, 0
    while True:
        async with uows() as uow:
            gone = await uow.event_log.forget(before, limit=STEP)
        total += gone
        if gone < STEP:
            return total


async def forget_old_audit(uows: UnitOfWorks[GatewayUnitOfWork], *, keep: timedelta) -> int:
    """Remove audit entries older than ``keep``; returns how many."""
    async with uows() as uow:
        return await uow.audit.forget(utc_now() - keep)


class StoredLog:
    """The stored log as the feed reads it: each read in a transaction of its own."""

    def __init__(self, uows: UnitOfWorks[GatewayUnitOfWork]) -> None:
        self._uows = uows

    async def head(self) -> int:
        """The number of the newest event."""
        async with self._uows.read() as uow:
            return await uow.event_log.head()

    async def after(self, seq: int, *, limit: int) -> list[LoggedEvent]:
        """The events of all projects behind a number."""
        async with self._uows.read() as uow:
            return await uow.event_log.after(seq, limit=limit)

    async def matching(self, wanted: EventFilter, *, after: int, until: int, limit: int) -> list[LoggedEvent]:
        """The events that one follower wants between two numbers."""
        async with self._uows.read() as uow:
            return await uow.event_log.matching(wanted, after=after, until=until, limit=limit)
