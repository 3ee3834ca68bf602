"""Metrics: how they are asked for, and that they tell what happened."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Histogram
from skyulf_service.database.engine import Database
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.errors import UnavailableError
from skyulf_service.ids import new_id
from skyulf_service.messaging.dead_letters import DeadLetters
from skyulf_service.messaging.parked import Parked
from skyulf_service.messaging.records import Record
from skyulf_service.outbox.backlog import Backlog
from skyulf_service.telemetry.metrics import exemplar, render
from skyulf_service.telemetry.tracing import span, use_traceparent
from skyulf_service.testing.sample import Counter, SampleUnitOfWork, create_tables, messaging
from sqlalchemy import update

RECORDED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNRECORDED = RECORDED.removesuffix("01") + "00"
OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database.open(database_url, name="sample", pool_size=1)
    await create_tables(opened)
    yield opened
    await opened.close()


def test_plain_text_is_answered_unless_open_metrics_are_asked_for() -> None:
    registry = CollectorRegistry()
    seconds = Histogram("test_seconds", "Test", registry=registry)
    with use_traceparent(RECORDED), span("request"):
        seconds.observe(0.1, exemplar())

    plain, plain_type = render("", registry)
    open_metrics, open_type = render(OPEN_METRICS, registry)

    assert plain_type.startswith("text/plain")
    assert b"trace_id" not in plain
    assert open_type.startswith("application/openmetrics-text")
    assert b'# {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.1' in open_metrics


def test_what_nobody_records_is_no_exemplar() -> None:
    with use_traceparent(UNRECORDED), span("request"):
        assert exemplar() is None
    assert exemplar() is None


async def test_who_waits_for_the_database_is_counted_and_so_is_who_waits_in_vain(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skyulf_service.database.engine.POOL_TIMEOUT", 0.2)
    database = Database.open(sqlite_url, name="narrow", pool_size=1)
    refused = value("skyulf_database_refusals_total", service="narrow")

    async with database.read():
        assert value("skyulf_database_connections_in_use", service="narrow") == 1
        waiting = asyncio.create_task(database.ping())
        await asyncio.sleep(0.05)
        assert value("skyulf_database_transactions_waiting", service="narrow") == 1
        with pytest.raises(UnavailableError):
            await waiting

    assert value("skyulf_database_pool_connections", service="narrow") == 1
    assert value("skyulf_database_refusals_total", service="narrow") == refused + 1
    assert value("skyulf_database_transactions_waiting", service="narrow") == 0
    assert value("skyulf_database_connections_in_use", service="narrow") == 0
    assert value("skyulf_database_wait_seconds_count", service="narrow") >= 1
    await database.close()


async def test_the_backlog_of_events_and_dead_letters_is_seen(database: Database) -> None:
    uows, backlog = UnitOfWorks(database, SampleUnitOfWork), Backlog(database, messaging, service="sample")
    for number in range(3):
        counter = Counter(project_id=new_id(), name=f"c{number}")
        async with uows() as uow:
            await uow.counters.add(counter)
            await uow.publish(counter.raised())
    old = update(messaging.outbox).where(messaging.outbox.c.seq == 1)
    async with database.begin() as connection:
        await connection.execute(old.values(occurred_at=counter.created_at - timedelta(minutes=5)))
    await DeadLetters(database, messaging).park(Parked(Record("t", None, b"", [], 0, 0), "sample", "no", "no"))

    await backlog.measure()

    assert value("skyulf_outbox_waiting_events", service="sample") == 3
    assert value("skyulf_outbox_lag_seconds", service="sample") == pytest.approx(300, abs=30)
    assert value("skyulf_dead_letters_waiting", service="sample") == 1
    async with database.begin() as connection:
        await connection.execute(update(messaging.outbox).values(published_at=counter.created_at))
    await backlog.measure()
    assert value("skyulf_outbox_waiting_events", service="sample") == 0
    assert value("skyulf_outbox_lag_seconds", service="sample") == 0


async def test_what_is_rolled_back_is_not_counted(database: Database) -> None:
    uows, counted = UnitOfWorks(database, SampleUnitOfWork), list[str]()

    async with uows() as uow:
        uow.after_commit(lambda: counted.append("committed"))
        assert counted == []
    with suppress(RuntimeError):
        async with uows() as uow:
            uow.after_commit(lambda: counted.append("rolled back"))
            raise RuntimeError

    assert counted == ["committed"]
