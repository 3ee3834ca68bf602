"""What operators count: jobs by how they ended, and how long they took."""

from prometheus_client import Counter, Histogram
from skyulf_service.work.states import TERMINAL

from skyulf_pipeline.domain.jobs import JobKind

JOBS_ENDED = Counter("skyulf_jobs_ended_total", "Jobs that ended, by how", ["kind", "status"])
JOB_SECONDS = Histogram(
    "skyulf_job_seconds",
    "Time from the last start of a job to its end",
    ["kind", "status"],
    buckets=(1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600),
)


def begin_counting() -> None:
    """Begin all series at 0: one that begins at 1 rises for nobody who looks at its increase."""
    for kind in JobKind:
        for status in TERMINAL:
            JOBS_ENDED.labels(kind.value, status.value)
            JOB_SECONDS.labels(kind.value, status.value)


def count_end(kind: str, status: str, seconds: float | None) -> None:
    """Count a job that ended; ``seconds`` is None for one that never started."""
    JOBS_ENDED.labels(kind, status).inc()
    if seconds is not None:
        JOB_SECONDS.labels(kind, status).observe(seconds)
