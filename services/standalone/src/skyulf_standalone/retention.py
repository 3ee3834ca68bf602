"""What is older than it is kept, counted, and removed on demand.

Workers remove the same by themselves; this is for looking, and for installations whose workers cannot keep up.
"""

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from skyulf_gateway.persistence.tables import audit_log, event_log
from skyulf_gateway.settings import GatewaySettings
from skyulf_pipeline.persistence.jobs import is_old_log
from skyulf_pipeline.persistence.tables import job_logs
from skyulf_pipeline.settings import PipelineSettings
from skyulf_service.composition import Parts
from skyulf_service.database.engine import Database
from skyulf_service.database.revisions import check_schema
from skyulf_service.database.types import database_now
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import NotFoundError, SkyulfError
from skyulf_service.half_restored import refuse_half_restored
from skyulf_service.ids import utc_now
from skyulf_service.messaging.claims import INBOX_KEPT
from skyulf_service.messaging.dead_letters import SETTLED_KEPT
from skyulf_service.objects.collector import collect_orphans
from skyulf_service.outbox.retention import KEPT as OUTBOX_KEPT
from skyulf_service.settings import SharedSettings
from sqlalchemy import ColumnElement, Table, and_, delete, func, select, tuple_

from skyulf_standalone.backup.postgres import allow_idle
from skyulf_standalone.services import SERVICES, AnyService, missing_part, service_of

# small deletes: a large one would be SQLite's only writer for seconds
BATCH = 1000


class NoInstallationError(SkyulfError):
    """Nothing of Skyulf is where the settings say."""

    code = "no-installation"
    status = 500
    title = "No installation"


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows that are kept no longer."""

    what: str
    kept: str
    table: Table
    old: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Removable:
    """How much of something may go, or has gone."""

    service: str
    what: str
    kept: str
    count: int


async def examine(*, dead_letters: timedelta | None = None, apply: bool = False) -> AsyncIterator[Removable]:
    """Count what may go, and with ``apply`` remove it; counts are then of what went."""
    refuse_half_restored(SharedSettings().home)
    if (missing := missing_part()) is not None:
        raise NoInstallationError(f"There is no installation: {missing} does not exist; look at SKYULF_HOME.")
    for name in SERVICES:
        service = service_of(name)
        parts = service.open()
        try:
            await check_schema(parts.database, service.package)
            for rule in _rules(service, parts):
                count = await (_remove if apply else _count)(parts.database, rule)
                yield Removable(name, rule.what, rule.kept, count)
            if dead_letters is not None:
                yield await _waiting(service, parts, dead_letters, apply=apply)
            if service.needs is not None:
                yield await _orphans(service, parts, apply=apply)
        finally:
            await parts.close()


def _rules(service: AnyService, parts: Parts[UnitOfWork]) -> Iterator[Rule]:
    tables = service.messaging
    if service.name == "gateway":
        settings = cast("GatewaySettings", parts.settings)
        events, audit = timedelta(days=settings.event_retention_days), timedelta(days=settings.audit_retention_days)
        yield Rule("event log", _days(events), event_log, event_log.c.appended_at < utc_now() - events)
        yield Rule("audit log", _days(audit), audit_log, audit_log.c.at < utc_now() - audit)
    if service.name == "pipeline":
        logs = timedelta(days=cast("PipelineSettings", parts.settings).job_log_retention_days)
        yield Rule("logs of ended jobs", _days(logs), job_logs, is_old_log(logs))
    published = tables.outbox.c.published_at
    yield Rule("published events", _days(OUTBOX_KEPT), tables.outbox, published < database_now(-OUTBOX_KEPT))
    handled = tables.inbox.c.handled_at
    yield Rule("claims of events", _days(INBOX_KEPT), tables.inbox, handled < database_now(-INBOX_KEPT))
    ended = tables.idempotency_keys.c.expires_at <= utc_now()
    yield Rule("idempotency keys", "1 day", tables.idempotency_keys, ended)
    letters = tables.dead_letters
    settled = letters.c.replayed_at < utc_now() - SETTLED_KEPT
    yield Rule("settled dead letters", _days(SETTLED_KEPT), letters, settled)


async def _count(database: Database, rule: Rule) -> int:
    async with database.read() as connection:
        query = select(func.count()).select_from(rule.table).where(rule.old)
        found: int = (await connection.execute(query)).scalar_one()
    return found


async def _remove(database: Database, rule: Rule) -> int:
    key = list(rule.table.primary_key.columns)
    gone, total = BATCH, 0
    while gone == BATCH:
        chosen = tuple_(*key).in_(select(*key).where(rule.old).limit(BATCH))
        async with database.begin() as connection:
            gone = (await connection.execute(delete(rule.table).where(chosen))).rowcount
        total += gone
    return total


async def _waiting(service: AnyService, parts: Parts[UnitOfWork], waited: timedelta, *, apply: bool) -> Removable:
    """Letters that have waited too long are discarded as by hand: rows that are merely gone would be parked again."""
    letters = service.messaging.dead_letters
    old = and_(letters.c.replayed_at.is_(None), letters.c.parked_at < utc_now() - waited)
    rule = Rule("waiting dead letters", _days(waited), letters, old)
    count = await (_discard(service, parts, rule) if apply else _count(parts.database, rule))
    return Removable(service.name, rule.what, rule.kept, count)


async def _discard(service: AnyService, parts: Parts[UnitOfWork], rule: Rule) -> int:
    delivery, total = service.delivery(parts), 0
    while True:
        async with parts.database.read() as connection:
            found = list(await connection.scalars(select(rule.table.c.id).where(rule.old).limit(BATCH)))
        if not found:
            return total
        for letter in found:
            with suppress(NotFoundError):  # somebody else has taken it off meanwhile
                await delivery.dead_letters.discard(letter, delivery)
                total += 1


async def _orphans(service: AnyService, parts: Parts[UnitOfWork], *, apply: bool) -> Removable:
    grace = timedelta(seconds=float(getattr(parts.settings, "orphan_grace_seconds")))  # noqa: B009 - two services have it
    store = parts.objects(service.buckets[0])
    try:
        needed = await _needed(service, parts)
        if apply:

            async def referenced(keys: Collection[str]) -> Collection[str]:
                now = await _needed(service, parts)
                return [key for key in keys if key in now]

            async def paused() -> bool:
                return await service.backup_runs(parts)

            count = await collect_orphans(store, referenced, grace=grace, paused=paused)
        else:
            before = utc_now() - grace
            count = len([each async for each in store.list() if each.modified < before and each.key not in needed])
    finally:
        await store.close()
    return Removable(service.name, "orphaned objects", _days(grace), count)


async def _needed(service: AnyService, parts: Parts[UnitOfWork]) -> set[str]:
    if service.needs is None:
        return set()
    store = parts.objects(service.buckets[0])
    try:
        async with parts.database.read() as connection:
            if parts.database.dialect == "postgresql":
                await allow_idle(connection)
            return {ref.key for ref in await service.needs(connection, store)}
    finally:
        await store.close()


def _days(kept: timedelta) -> str:
    days = kept / timedelta(days=1)
    return "1 day" if days == 1 else f"{days:g} days"
