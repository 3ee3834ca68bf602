import re
import subprocess
import sys

import pytest
from opentelemetry import trace
from skyulf_service.telemetry.tracing import configure_tracing, current_traceparent, span, use_traceparent

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="session", autouse=True)
def tracing() -> None:
    if type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider":
        configure_tracing(service="test")


def test_there_is_no_traceparent_outside_of_a_span() -> None:
    assert current_traceparent() is None


def test_a_stored_traceparent_is_continued() -> None:
    with use_traceparent(PARENT), span("job.run", {"attempt": 1}):
        found = current_traceparent()

    assert found is not None
    assert re.fullmatch(r"00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01", found)
    assert current_traceparent() is None


@pytest.mark.parametrize("value", [None, "", "nonsense", "00-0-0-01"])
def test_a_missing_or_broken_traceparent_starts_afresh(value: str | None) -> None:
    with span("outer"), use_traceparent(value):
        assert current_traceparent() is None


def test_a_failing_span_passes_its_error_on() -> None:
    with pytest.raises(ValueError, match="no"), span("job.run") as current:
        raise ValueError("no")

    assert not current.is_recording()


def test_logs_are_json_with_service_request_and_trace() -> None:
    program = """
from skyulf_service.telemetry.logging import bound, configure_logging
from skyulf_service.telemetry.tracing import configure_tracing, span
import logging, structlog
configure_logging(service="registry"); configure_tracing(service="registry")
with bound(request_id="r1"), span("s"):
    structlog.get_logger().info("model.registered", version=3)
    logging.getLogger("somewhere").warning("plain %s", "text")
password = "hunter2"
try: 1 / 0
except ZeroDivisionError: structlog.get_logger().exception("job.failed")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    import json

    first, second, third = [json.loads(line) for line in done.stderr.splitlines()]
    assert first["event"] == "model.registered"
    assert (first["service"], first["request_id"], first["version"], first["level"]) == ("registry", "r1", 3, "info")
    assert len(first["trace_id"]) == 32
    assert second["event"] == "plain text"
    assert second["trace_id"] == first["trace_id"]
    assert third["exception"][0]["exc_type"] == "ZeroDivisionError"
    assert "hunter2" not in done.stderr
