"""Jobs."""

from collections.abc import Callable
from uuid import UUID

from skyulf_client.answers import Evaluation, Job, LogLine, Page
from skyulf_client.operations import Steps, get, operation, send
from skyulf_client.resources.base import AsyncResource, BlockingResource
from skyulf_client.resources.waiting import until


class JobOperations:
    """Follow, stop and repeat jobs."""

    @operation
    def get(self, job_id: UUID | str) -> Steps[Job]:
        """Show a job."""
        return (yield from _get(job_id))

    @operation
    def list(
        self,
        *,
        status: str | None = None,
        pipeline_id: UUID | str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Steps[Page[Job]]:
        """List the project's jobs, newest first."""
        of_pipeline = None if pipeline_id is None else str(pipeline_id)
        return (yield from get(Page[Job], "/jobs", status=status, pipeline_id=of_pipeline, limit=limit, cursor=cursor))

    @operation
    def wait(
        self, job_id: UUID | str, *, timeout: float = 3600, on_update: Callable[[Job], None] | None = None
    ) -> Steps[Job]:
        """Wait until the job has ended, well or not; ``timeout`` is in seconds."""
        return (
            yield from until(
                lambda: _get(job_id), lambda job: job.done, what=f"Job {job_id}", timeout=timeout, on_update=on_update
            )
        )

    @operation
    def cancel(self, job_id: UUID | str) -> Steps[Job]:
        """Stop a job: a queued one at once, a running one within seconds."""
        return (yield from send(Job, "POST", f"/jobs/{job_id}/cancel"))

    @operation
    def retry(self, job_id: UUID | str) -> Steps[Job]:
        """Try a job again that failed or was cancelled."""
        return (yield from send(Job, "POST", f"/jobs/{job_id}/retry"))

    @operation
    def logs(self, job_id: UUID | str, *, limit: int = 200, cursor: str | None = None) -> Steps[Page[LogLine]]:
        """Show what a job has logged, oldest first."""
        return (yield from get(Page[LogLine], f"/jobs/{job_id}/logs", limit=limit, cursor=cursor))

    @operation
    def evaluation(self, job_id: UUID | str) -> Steps[Evaluation]:
        """Show how a job's model did on rows that it had not seen."""
        return (yield from get(Evaluation, f"/jobs/{job_id}/evaluation"))


class Jobs(JobOperations, BlockingResource):
    """Jobs, blocking."""


class AsyncJobs(JobOperations, AsyncResource):
    """Jobs, awaited."""


def _get(job_id: UUID | str) -> Steps[Job]:
    return get(Job, f"/jobs/{job_id}")
