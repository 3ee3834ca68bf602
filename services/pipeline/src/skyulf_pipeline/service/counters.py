"""What operators count: jobs by how they ended, and how long they took."""

from prometheus_client import Counter, Histogram

JOBS_ENDED = Counter("skyulf_jobs_ended_total", "Jobs that ended, by how", ["status"])
JOB_SECONDS = Histogram(
    "skyulf_job_seconds",
    "Time from the last start of a job to its end",
    ["status"],
    buckets=(1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600),
)


def count_end(status: str, seconds: float | None) -> None:
    """Count a job that ended; ``seconds`` is None for one that never started."""
    JOBS_ENDED.labels(status).inc()
    if seconds is not None:
        JOB_SECONDS.labels(status).observe(seconds)
