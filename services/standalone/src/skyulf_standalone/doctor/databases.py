"""Databases: reachable, of the right schema, whole, closed to others, of the same time; and what waits in them."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from skyulf_service.database.access import advice_on_access
from skyulf_service.database.engine import Database
from skyulf_service.database.failures import driver_error, is_damaged
from skyulf_service.database.revisions import check_schema, newest_revision
from skyulf_service.database.types import database_now
from skyulf_service.settings import ServiceSettings
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from skyulf_standalone.doctor.finding import FaultError, Finding, attempt
from skyulf_standalone.services import AnyService

MOST_SKEW = 2.0
MOST_LAG = 60.0


async def examine_database(service: AnyService, settings: ServiceSettings) -> AsyncIterator[Finding]:
    """Look at one service's database; what comes after a failure is not looked at."""
    name, database = service.name, Database.open(settings.database, name=service.name, pool_size=2)
    try:
        first = await attempt(f"{name} database", lambda: _schema(database, service))
        yield first
        if first.state != "ok":
            return
        if database.dialect == "postgresql":
            yield await attempt(f"{name} access", lambda: _closed(database))
            yield await attempt(f"{name} clock", lambda: _clock(database))
        yield await attempt(f"{name} events", lambda: _leaving(database, service))
        yield await attempt(f"{name} dead letters", lambda: _parked(database, service))
    finally:
        await database.close()


async def _schema(database: Database, service: AnyService) -> str:
    url = database.engine.url
    if database.dialect == "sqlite" and not Path(str(url.database)).is_file():  # noqa: ASYNC240 - one stat
        raise FaultError(f"{url.database} does not exist", "start Skyulf once, or restore a backup")
    try:
        await check_schema(database, service.package)
        found = await _quick_check(database) if database.dialect == "sqlite" else "ok"
    except DBAPIError as error:
        if not is_damaged(error):
            raise
        found = str(driver_error(error))
    if found != "ok":
        raise FaultError(f"{url.database} is damaged: {found}", "stop Skyulf and restore a backup")
    return f"schema {newest_revision(service.package)}, {url.render_as_string(hide_password=True)}"


async def _quick_check(database: Database) -> str:
    async with database.read() as connection:
        return str((await connection.execute(text("PRAGMA quick_check(1)"))).scalar_one())


async def _closed(database: Database) -> str:
    advice = await advice_on_access(database)
    if advice is not None:
        raise FaultError("roles of other services may connect", advice)
    return "its own role alone"


async def _clock(database: Database) -> str:
    async with database.read() as connection:
        before = time.time()
        there: datetime = (await connection.execute(select(database_now()))).scalar_one()
        skew = there.astimezone(UTC).timestamp() - (before + time.time()) / 2
    return same_time(skew, "PostgreSQL")


def same_time(skew: float, whose: str, *, most: float = MOST_SKEW) -> str:
    """Say how far another clock is ahead of ours; raise `FaultError` where that is too far."""
    if abs(skew) > most:
        which = "ahead of" if skew > 0 else "behind"
        raise FaultError(
            f"{whose}'s clock is {abs(skew):.1f} s {which} this machine's",
            "let both follow a time server: tokens live for 60 s, and leases and signatures of requests for less",
        )
    return f"within {most:g} s of {whose}'s"


async def _leaving(database: Database, service: AnyService) -> str:
    outbox, leases = service.messaging.outbox, service.messaging.leases
    waiting = select(func.count(), func.min(outbox.c.occurred_at)).where(outbox.c.published_at.is_(None))
    relay = select(leases.c.owner).where(leases.c.name == "relay", leases.c.expires_at >= database_now())
    async with database.read() as connection:
        count, oldest = (await connection.execute(waiting)).one()
        elected = (await connection.execute(relay)).first() is not None
    who = "a relay works" if elected else "no relay works"
    if oldest is not None and (lag := time.time() - oldest.timestamp()) > MOST_LAG:
        raise FaultError(
            f"{count} events wait, the oldest for {lag:.0f} s; {who}",
            "look at Kafka and at the log of the worker" if elected else f"start the worker of {service.name}",
        )
    return f"{count} waiting; {who}"


async def _parked(database: Database, service: AnyService) -> str:
    letters = service.messaging.dead_letters
    waiting = select(func.count()).select_from(letters).where(letters.c.replayed_at.is_(None))
    async with database.read() as connection:
        count = (await connection.execute(waiting)).scalar_one()
    if count:
        raise FaultError(f"{count} events could not be handled", "`skyulf dead-letters list` says why")
    return "none"
