"""What children and queues cost can be seen."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from pydantic import JsonValue
from skyulf_service.database.tables import add_messaging_tables, new_metadata
from skyulf_service.outbox.backlog import Backlog
from skyulf_service.telemetry.tracing import use_traceparent
from skyulf_service.work.calls import ChildRunner
from skyulf_service.work.failures import ChildFailedError
from skyulf_service.work.queue import WorkQueue
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.supervisor import Supervisor
from work_support import Handler, Store, children_environment, jobs

RECORDED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    cast("TracerProvider", trace.get_tracer_provider()).add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


@pytest.fixture
async def child() -> AsyncIterator[ChildRunner]:
    opened = ChildSlots(2, environment=children_environment(), warm=False)
    opened.open()
    yield ChildRunner(opened)
    await opened.close()


def only(found: tuple[ReadableSpan, ...]) -> ReadableSpan:
    (each,) = found
    return each


async def test_a_call_is_a_span_with_its_steps_and_its_time_is_measured(
    child: ChildRunner, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    before = value("skyulf_child_seconds_count", function="echo", outcome="result")

    with use_traceparent(RECORDED):
        await child.call("work_children:echo", {}, scratch=tmp_path, memory_limit=1 << 33)

    recorded = only(spans.get_finished_spans())
    assert recorded.name == "child echo"
    assert format(recorded.context.trace_id, "032x") == RECORDED[3:35]
    assert [event.name for event in recorded.events] == ["halfway"]
    assert (recorded.attributes or {})["code.function.name"] == "work_children.echo"
    assert value("skyulf_child_seconds_count", function="echo", outcome="result") == before + 1
    assert value("skyulf_child_memory_bytes", function="echo") == 0


async def test_a_child_that_takes_too_much_is_counted_with_its_cause_and_its_peak(
    child: ChildRunner, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    labels = {"function": "devour", "cause": "out_of_memory"}
    kills, peaks = value("skyulf_child_kills_total", **labels), "skyulf_child_peak_memory_bytes_sum"

    with use_traceparent(RECORDED), pytest.raises(ChildFailedError, match="out_of_memory"):
        await child.call("work_children:devour", {"mib": 800}, scratch=tmp_path, memory_limit=100 << 20)

    assert value("skyulf_child_kills_total", **labels) == kills + 1
    assert value(peaks, function="devour") >= 100 << 20
    assert value("skyulf_child_memory_bytes", function="devour") == 0
    recorded = only(spans.get_finished_spans())
    assert recorded.status.description == "out_of_memory"


async def test_what_a_child_holds_is_shown_while_it_runs(child: ChildRunner, tmp_path: Path) -> None:
    spec: dict[str, JsonValue] = {"mib": 60, "seconds": 2}
    running = asyncio.create_task(child.call("work_children:devour", spec, scratch=tmp_path, memory_limit=1 << 30))

    async with asyncio.timeout(20):
        while value("skyulf_child_memory_bytes", function="devour") < 60 << 20:
            await asyncio.sleep(0.02)
    assert not running.done()
    await running

    assert value("skyulf_child_memory_bytes", function="devour") == 0


async def test_an_error_of_the_work_is_no_kill(child: ChildRunner, tmp_path: Path) -> None:
    with pytest.raises(ChildFailedError):
        await child.call("work_children:nowhere", {}, scratch=tmp_path)

    assert value("skyulf_child_seconds_count", function="nowhere", outcome="failed") == 1
    kills = [
        sample
        for metric in REGISTRY.collect()
        if metric.name == "skyulf_child_kills"
        for sample in metric.samples
        if sample.labels["function"] == "nowhere" and sample.name.endswith("_total")
    ]
    assert kills  # the series are there from the beginning, or an alert would miss the first kill
    assert not any(sample.value for sample in kills)


async def test_open_work_is_counted_by_state_with_its_oldest_wait_and_a_claim_tells_how_long_it_waited(
    store: Store, queue: WorkQueue, handler: Handler, slots: ChildSlots
) -> None:
    messaging = add_messaging_tables(new_metadata())
    async with store.database.begin() as connection:
        await connection.run_sync(messaging.outbox.metadata.create_all)
    backlog = Backlog(store.database, messaging, service="tests", queues=[jobs])
    first = await store.submit()
    due = first.run_after - timedelta(minutes=10)
    await store.change(first.id, lambda job: setattr(job, "run_after", due))
    await store.submit()
    await store.submit(run_after=first.run_after + timedelta(hours=1))

    await backlog.measure()

    assert value("skyulf_work_rows", queue="jobs", state="queued") == 3
    assert value("skyulf_work_oldest_wait_seconds", queue="jobs") == pytest.approx(600, abs=60)
    waits = value("skyulf_work_wait_seconds_count", queue="jobs")
    supervisor = Supervisor(queue, slots, handler)
    running = asyncio.create_task(supervisor.run())
    await store.until(first.id, "succeeded")
    supervisor.stop()
    await running
    assert value("skyulf_work_wait_seconds_count", queue="jobs") > waits
    await backlog.measure()
    assert value("skyulf_work_oldest_wait_seconds", queue="jobs") < 60
