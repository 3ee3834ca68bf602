"""Jobs."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from pydantic import JsonValue

from skyulf_client.answers import BundleFile, Evaluation, Job, LogLine, Page, Trial
from skyulf_client.operations import Request, Steps, ask, get, operation, send
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
        kind: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Steps[Page[Job]]:
        """List the project's jobs, newest first."""
        of_pipeline = None if pipeline_id is None else str(pipeline_id)
        filters = {"status": status, "pipeline_id": of_pipeline, "kind": kind}
        return (yield from get(Page[Job], "/jobs", **filters, limit=limit, cursor=cursor))

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
    def cancel(self, job_id: UUID | str, *, keep_best: bool = False) -> Steps[Job]:
        """Stop a job: a queued one at once, a running one within seconds.

        With ``keep_best`` a tuning ends behind the fold that runs, and makes a model of the best trial so far.
        """
        body: JsonValue = {"keep_best": True} if keep_best else None
        return (yield from send(Job, "POST", f"/jobs/{job_id}/cancel", body))

    @operation
    def retry(self, job_id: UUID | str, *, n_trials: int | None = None) -> Steps[Job]:
        """Try a job again that failed or was cancelled.

        A tuning goes on with the trials it has, and its timeout begins anew; ``n_trials`` is how many it shall have
        then.
        """
        body: JsonValue = None if n_trials is None else {"n_trials": n_trials}
        return (yield from send(Job, "POST", f"/jobs/{job_id}/retry", body))

    @operation
    def trials(
        self, job_id: UUID | str, *, state: str | None = None, limit: int = 200, cursor: str | None = None
    ) -> Steps[Page[Trial]]:
        """Show the trials of a tuning by number, those that run now too."""
        return (yield from get(Page[Trial], f"/jobs/{job_id}/trials", state=state, limit=limit, cursor=cursor))

    @operation
    def logs(self, job_id: UUID | str, *, limit: int = 200, cursor: str | None = None) -> Steps[Page[LogLine]]:
        """Show what a job has logged, oldest first."""
        return (yield from get(Page[LogLine], f"/jobs/{job_id}/logs", limit=limit, cursor=cursor))

    @operation
    def evaluation(self, job_id: UUID | str) -> Steps[Evaluation]:
        """Show how a job's model did on rows that it had not seen."""
        return (yield from get(Evaluation, f"/jobs/{job_id}/evaluation"))

    @operation
    def report(self, job_id: UUID | str, *, format: str = "html") -> Steps[bytes]:
        """Return all that is known of a job's model: ``html`` (a page), ``json``, or ``markdown`` (a card)."""
        return (yield from ask(Request("GET", f"/jobs/{job_id}/report", {"format": format}))).body

    @operation
    def bundle(self, job_id: UUID | str, path: str | Path) -> Steps[None]:
        """Download all that a job has made into a file, for `pipelines.take` of another installation."""
        yield from ask(Request("GET", f"/jobs/{job_id}/bundle", download=Path(path)))

    @operation
    def bundle_files(self, job_id: UUID | str) -> Steps[Page[BundleFile]]:
        """List what a job's model consists of; the same files are the same model, wherever they are."""
        return (yield from get(Page[BundleFile], f"/jobs/{job_id}/bundle/files"))


class Jobs(JobOperations, BlockingResource):
    """Jobs, blocking."""


class AsyncJobs(JobOperations, AsyncResource):
    """Jobs, awaited."""


def _get(job_id: UUID | str) -> Steps[Job]:
    return get(Job, f"/jobs/{job_id}")
