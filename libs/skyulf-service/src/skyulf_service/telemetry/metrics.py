"""Prometheus metrics that every service has. Base units; no ids in labels, which would make a series each.

The collectors are the process's, as prometheus-client intends: several services in one process differ by label.
"""

from opentelemetry import trace
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import choose_encoder

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

HTTP_SECONDS = Histogram(
    "skyulf_http_request_seconds",
    "Time from the first byte of a request to the last byte of its answer",
    ["service", "method", "route", "status"],
    buckets=HTTP_BUCKETS,
)
HTTP_IN_FLIGHT = Gauge("skyulf_http_requests_in_flight", "Requests being answered", ["service"])
HTTP_REPLAYS = Counter(
    "skyulf_http_idempotent_replays_total", "Answers given again for a known idempotency key", ["service"]
)
TASK_RESTARTS = Counter(
    "skyulf_task_restarts_total", "Background tasks started again after an outage", ["role", "task"]
)
LOOP_LAG = Histogram(
    "skyulf_event_loop_lag_seconds",
    "How much later than asked for the process's event loop came back to a task that had slept",
    buckets=LAG_BUCKETS,
)


def configure_metrics() -> None:
    """Leave out the moment at which each series began, which nobody asks for and is a series each; once per process."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library has left it out


def render(accept: str = "", registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """The text for ``/metrics`` and its media type: OpenMetrics where ``Accept`` asks for it, which has exemplars."""
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


def exemplar() -> dict[str, str] | None:
    """What leads from a measurement to its trace: the current span, where it is recorded and so can be found."""
    context = trace.get_current_span().get_span_context()
    if not (context.is_valid and context.trace_flags.sampled):
        return None
    return {"trace_id": format(context.trace_id, "032x")}
