"""Prometheus metrics that every service has. Base units; no ids in labels, which would make a series each.

The collectors are the process's, as prometheus-client intends: several services in one process differ by label.
"""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

HTTP_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

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


def render(registry: CollectorRegistry = REGISTRY) -> tuple[bytes, str]:
    """The text for ``/metrics`` and its media type."""
    return generate_latest(registry), CONTENT_TYPE_LATEST
