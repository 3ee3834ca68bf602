"""What a person checks when something does not work, done by program."""

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import cast

from skyulf_service.composition import Parts, Service
from skyulf_service.database.access import advice_on_access
from skyulf_service.database.engine import Database
from skyulf_service.database.revisions import check_schema
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.errors import SkyulfError
from skyulf_service.settings import SharedSettings

SERVICES = ("ingestion", "pipeline", "registry", "inference", "gateway")
SECONDS = 5.0


class OpenToOthersError(SkyulfError):
    """A database lets in the roles of other services."""

    code = "database-open"
    status = 500
    title = "Database open to others"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    ok: bool
    text: str


async def examine() -> list[Finding]:
    """Look at the data folder, every service's database and bucket, and Kafka in the distributed form."""
    shared = SharedSettings()
    writable = os.access(shared.home, os.W_OK)
    findings = [Finding("data folder", writable, str(shared.home) if writable else f"{shared.home} is not writable")]
    for name in SERVICES:
        findings += [finding async for finding in _service(name)]
    if shared.form == "distributed":
        findings.append(await _attempt("kafka", lambda: _kafka(shared.kafka_bootstrap), shared.kafka_bootstrap))
    return findings


async def _service(name: str) -> AsyncIterator[Finding]:
    service = cast("Service[UnitOfWork]", importlib.import_module(f"skyulf_{name}.main").SERVICE)
    parts: Parts[UnitOfWork] = service.open()
    where = parts.database.engine.url.render_as_string(hide_password=True)
    yield await _attempt(f"{name} database", lambda: check_schema(parts.database, service.package), where)
    if parts.database.dialect == "postgresql":
        yield await _attempt(f"{name} access", lambda: _closed(parts.database), "its own role alone")
    for bucket in service.buckets:
        yield await _attempt(f"{name} objects", parts.objects(bucket).ping, bucket)
    await parts.close()


async def _attempt(subject: str, look: Callable[[], Awaitable[object]], good: str) -> Finding:
    try:
        async with asyncio.timeout(SECONDS):
            await look()
    except SkyulfError as error:
        return Finding(subject, ok=False, text=error.detail)
    except Exception as error:
        return Finding(subject, ok=False, text=f"{type(error).__name__}: {error}")
    return Finding(subject, ok=True, text=good)


async def _closed(database: Database) -> None:
    advice = await advice_on_access(database)
    if advice is not None:
        raise OpenToOthersError(advice)


async def _kafka(bootstrap: str) -> None:
    from aiokafka.admin import AIOKafkaAdminClient

    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await client.start()
        await client.list_topics()
    finally:
        await client.close()
