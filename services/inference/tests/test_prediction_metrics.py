"""Predictions, loads and swaps as metrics, and their end."""

from typing import cast

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from skyulf_inference.runtime.meters import PredictionMeter, Retirement
from skyulf_inference.service.measuring import replicas_of

PREDICT = "/api/v1/deployments/flights/predict"
RECORDED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
FIRST = {"deployment": "flights", "model": "flights", "version": "1"}


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


@pytest.fixture
async def serving(publish, deploy, announced, bundle):
    event = await deploy(await publish(bundle))
    assert await announced(1) == ["ready"]
    return event


async def test_predictions_are_counted_by_deployment_and_version(inference, serving):
    rows = {"rows": [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}]}
    requests, predicted = (
        value("skyulf_prediction_seconds_count", **FIRST),
        value("skyulf_prediction_rows_total", **FIRST),
    )

    await inference.client.post(PREDICT, json=rows)
    await inference.client.post(PREDICT, json={"row": {"a": "text", "b": "x"}})

    assert value("skyulf_prediction_seconds_count", **FIRST) == requests + 1
    assert value("skyulf_prediction_rows_total", **FIRST) == predicted + 2
    assert value("skyulf_prediction_errors_total", **FIRST, code="rows-refused") >= 1
    assert value("skyulf_model_load_seconds_count", outcome="loaded") >= 1
    assert value("skyulf_model_swap_seconds_count", outcome="ready") >= 1
    assert value("skyulf_deployments_served") == 1


async def test_a_prediction_is_a_span_only_where_somebody_records_it(inference, serving):
    exporter = InMemorySpanExporter()
    cast("TracerProvider", trace.get_tracer_provider()).add_span_processor(SimpleSpanProcessor(exporter))

    await inference.client.post(PREDICT, json={"row": {"a": 1.0, "b": "x"}})
    await inference.client.post(PREDICT, json={"row": {"a": 1.0, "b": "x"}}, headers={"traceparent": RECORDED})

    (found,) = [span for span in exporter.get_finished_spans() if span.name == "predict"]
    exporter.shutdown()
    assert format(found.context.trace_id, "032x") == RECORDED[3:35]
    assert dict(found.attributes or {}) == {
        "skyulf.deployment": "flights", "skyulf.model": "flights", "skyulf.model_version": 1, "skyulf.rows": 1,
    }  # fmt: skip


async def test_live_replicas_are_counted(inference, serving):
    await replicas_of(inference.parts.uows)()

    assert value("skyulf_inference_replicas") == 1
    assert value("skyulf_deployments_unserved") == 0


def test_series_go_some_time_after_their_version_has_gone():
    old, new = PredictionMeter("d", "m", 1), PredictionMeter("d", "m", 2)
    old.answered(3, 0.001)
    old.refused("rows-refused")
    labels = {"deployment": "d", "model": "m", "version": "1"}
    patient, hasty = Retirement(60.0), Retirement(0.0)

    for retirement in (patient, hasty):
        retirement.look({old.labels})
    patient.look({new.labels})
    assert value("skyulf_prediction_rows_total", **labels) == 3

    hasty.look({new.labels})
    assert value("skyulf_prediction_rows_total", **labels) is None
    assert value("skyulf_prediction_seconds_count", **labels) is None
    assert value("skyulf_prediction_errors_total", **labels, code="rows-refused") is None
    assert value("skyulf_prediction_rows_total", deployment="d", model="m", version="2") == 0
