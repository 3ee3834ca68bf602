"""What predictions cost, by deployment and version: bound once, since a prediction takes microseconds."""

from collections.abc import Collection
from time import monotonic

from opentelemetry import trace
from prometheus_client import Counter, Gauge, Histogram
from skyulf_service.telemetry.metrics import exemplar

from skyulf_inference.domain.serving import ReplicaStatus

LABELS = ["deployment", "model", "version"]
SECONDS = Histogram(
    "skyulf_prediction_seconds",
    "Time that the model takes for one request, however many rows it has",
    LABELS,
    buckets=(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)
ROWS = Counter("skyulf_prediction_rows_total", "Rows that were predicted", LABELS)
ERRORS = Counter(
    "skyulf_prediction_errors_total", "Requests that were not predicted, by the problem", [*LABELS, "code"]
)
LOAD_SECONDS = Histogram(
    "skyulf_model_load_seconds",
    "Time to fetch, verify, read and try a model",
    ["outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
SWAP_SECONDS = Histogram(
    "skyulf_model_swap_seconds",
    "Time from a replica's first look at a wish to its answers from that version, or to its failure",
    ["outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
SERVED = Gauge("skyulf_deployments_served", "Deployments that this replica answers for")
# Prometheus shall have seen the last of a version before its series go.
KEPT_SECONDS = 300.0

LOADED, REFUSED = "loaded", "refused"

Labels = tuple[str, str, str]


def begin_measuring() -> None:
    """Begin the series of loads and swaps at 0: one that begins at 1 rises for nobody who looks at its increase."""
    for outcome in (LOADED, REFUSED):
        LOAD_SECONDS.labels(outcome)
    for status in ReplicaStatus:
        SWAP_SECONDS.labels(status.value)


class PredictionMeter:
    """The metrics of one version of one deployment."""

    __slots__ = ("_rows", "_seconds", "labels")

    def __init__(self, deployment: str, model: str, version: int) -> None:
        self.labels: Labels = (deployment, model, str(version))
        self._seconds = SECONDS.labels(*self.labels)
        self._rows = ROWS.labels(*self.labels)

    def answered(self, rows: int, seconds: float) -> None:
        """Note a request that was answered."""
        self._seconds.observe(seconds, exemplar())
        self._rows.inc(rows)

    def refused(self, code: str) -> None:
        """Note a request that was not; ``code`` is that of the problem."""
        ERRORS.labels(*self.labels, code).inc()


class Retirement:
    """Removes the series of versions that nobody serves any more, some minutes after they have gone."""

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept = kept_seconds
        self._gone: dict[Labels, float] = {}
        self._known: set[Labels] = set()

    def look(self, served: Collection[Labels]) -> None:
        """Take in what is served now; what has been gone for long enough loses its series."""
        now = monotonic()
        self._known.update(served)
        for labels in served:
            self._gone.pop(labels, None)
        for labels in self._known.difference(served):
            if now - self._gone.setdefault(labels, now) >= self._kept:
                self._remove(labels)

    def _remove(self, labels: Labels) -> None:
        self._known.discard(labels)
        self._gone.pop(labels)
        named = dict(zip(LABELS, labels, strict=True))
        for metric in (SECONDS, ROWS, ERRORS):
            metric.remove_by_labels(named)


def is_recorded() -> bool:
    """Whether somebody records the current trace; a span costs as much as a small prediction."""
    return trace.get_current_span().is_recording()
