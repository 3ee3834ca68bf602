"""One trace from the HTTP request through outbox, broker and work row to the last effect (W3C trace context)."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
SAMPLED = "-01"
_PROPAGATOR = TraceContextTextMapPropagator()


def configure_tracing(*, service: str, role: str = "api") -> TracerProvider:
    """Install the process's tracer provider; call once per process.

    Spans are exported where the standard variable ``OTEL_EXPORTER_OTLP_ENDPOINT`` (or its form for traces) is set.
    Elsewhere they only carry ids from hop to hop and into the logs.
    """
    resource = Resource.create({"service.name": f"skyulf-{service}", "skyulf.role": role})
    exports = any(os.environ.get(name) for name in ENDPOINTS)
    # What nobody will read is not recorded, which halves the cost; it has its ids all the same.
    sampler = ParentBased(ALWAYS_ON if exports else ALWAYS_OFF)
    provider = TracerProvider(resource=resource, sampler=sampler)
    if exports:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # with protobuf behind it

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


def export_now() -> None:
    """Export the spans that wait for it; blocks until they are, or have failed."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()


def current_traceparent() -> str | None:
    """The current span as a ``traceparent`` header or outbox column; None where there is no span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def use_traceparent(traceparent: str | None) -> Iterator[None]:
    """Continue the trace of a stored or received ``traceparent``; None or nonsense starts afresh."""
    carrier = {} if traceparent is None else {"traceparent": traceparent}
    token = context.attach(_PROPAGATOR.extract(carrier, context=context.Context()))
    try:
        yield
    finally:
        context.detach(token)


def record_span(
    name: str,
    traceparent: str | None,
    *,
    between: tuple[datetime, datetime],
    attributes: Mapping[str, str | int | float | bool] | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
) -> None:
    """Add to a stored trace something that is over; nothing where nobody records that trace."""
    if traceparent is None or not traceparent.endswith(SAMPLED):
        return
    began, ended = (int(moment.timestamp() * 1e9) for moment in between)
    parent = _PROPAGATOR.extract({"traceparent": traceparent}, context=context.Context())
    found = trace.get_tracer("skyulf").start_span(name, parent, kind=kind, attributes=attributes, start_time=began)
    found.end(max(began, ended))


@contextmanager
def span(
    name: str, attributes: Mapping[str, str | int | float | bool] | None = None, *, kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[Span]:
    """Do the block as a span below the current one; an exception marks it as failed and passes on."""
    tracer = trace.get_tracer("skyulf")
    with tracer.start_as_current_span(name, kind=kind, attributes=attributes) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
