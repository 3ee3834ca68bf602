"""Jobs: how far they are, what they made, and how to stop or repeat them."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.http.dependencies import CurrentScope, PageQuery
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.store import ObjectStore
from skyulf_service.work.states import WorkStatus

from skyulf_pipeline.api.dependencies import JobId, ReadUow, Uow
from skyulf_pipeline.api.job_schemas import (
    CancelRequest,
    EvaluationRead,
    JobRead,
    LogLineRead,
    RetryRequest,
    TrialRead,
)
from skyulf_pipeline.domain.jobs import JobKind
from skyulf_pipeline.domain.judging import ReportFormat
from skyulf_pipeline.domain.trials import TrialState
from skyulf_pipeline.persistence.tables import jobs as table
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import jobs

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
MEDIA = {
    ReportFormat.HTML: "text/html; charset=utf-8",
    ReportFormat.JSON: "application/json",
    ReportFormat.MARKDOWN: "text/markdown; charset=utf-8",
}
PAGE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
"""What is in a report is people's data: no script of it runs, and nothing is asked from anywhere."""
REPORTS: dict[int | str, dict[str, object]] = {
    200: {
        "description": "The report",
        "content": {
            "text/html": {"schema": {"type": "string"}},
            "application/json": {"schema": {"type": "object"}},
            "text/markdown": {"schema": {"type": "string"}},
        },
    }
}


@router.get("", **requires("jobs:read"))
async def list_jobs(
    uow: ReadUow,
    scope: CurrentScope,
    page: PageQuery,
    status: Annotated[WorkStatus | None, Query()] = None,
    pipeline_id: Annotated[UUID | None, Query()] = None,
    kind: Annotated[JobKind | None, Query()] = None,
) -> PageRead[JobRead]:
    """List the project's jobs, newest first."""
    where = [table.c.status == status.value] if status is not None else []
    where += [table.c.pipeline_id == pipeline_id] if pipeline_id is not None else []
    where += [table.c.kind == kind.value] if kind is not None else []
    return PageRead.of(await uow.jobs.list(scope, limit=page.limit, cursor=page.cursor, where=where), JobRead.of)


@router.get("/{job_id}", **requires("jobs:read"))
async def get_job(job_id: JobId, uow: ReadUow, scope: CurrentScope) -> JobRead:
    """Show a job."""
    return JobRead.of(await uow.jobs.require(scope, job_id))


@router.get("/{job_id}/logs", **requires("jobs:read"))
async def get_job_logs(job_id: JobId, uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[LogLineRead]:
    """Show what a job has logged, oldest first."""
    job = await uow.jobs.require(scope, job_id)
    return PageRead.of(await uow.logs.page(job, limit=page.limit, cursor=page.cursor), LogLineRead.of)


@router.get("/{job_id}/trials", **requires("jobs:read"))
async def get_job_trials(
    job_id: JobId,
    uow: ReadUow,
    scope: CurrentScope,
    page: PageQuery,
    state: Annotated[TrialState | None, Query()] = None,
) -> PageRead[TrialRead]:
    """Show the trials of a tuning by number, those that run now too, and the candidates of AutoML as they end."""
    job = await uow.jobs.require(scope, job_id)
    found = await uow.trials.page(job, limit=page.limit, cursor=page.cursor, state=state)
    return PageRead.of(found, TrialRead.of)


@router.post("/{job_id}/cancel", status_code=202, **requires("jobs:run"))
async def cancel_job(
    job_id: JobId, uow: Uow, scope: CurrentScope, idempotency: Idempotency, body: CancelRequest | None = None
) -> JobRead:
    """Stop a job: a queued one at once, a running one within seconds; a tuning may keep its best trial."""
    keep_best = body is not None and body.keep_best

    async def cancel() -> JobRead:
        return JobRead.of(await jobs.cancel(uow, scope=scope, job_id=job_id, keep_best=keep_best))

    return await idempotency.once(uow, scope, body, cancel)


@router.post("/{job_id}/retry", status_code=202, **requires("jobs:run"))
async def retry_job(
    job_id: JobId, uow: Uow, scope: CurrentScope, idempotency: Idempotency, body: RetryRequest | None = None
) -> JobRead:
    """Try a job again that failed or was cancelled; a tuning goes on where it ended, with more trials if asked to.

    AutoML begins anew.
    """
    n_trials = None if body is None else body.n_trials

    async def retry() -> JobRead:
        return JobRead.of(await jobs.retry(uow, scope=scope, job_id=job_id, n_trials=n_trials))

    return await idempotency.once(uow, scope, body, retry)


def evaluation_router(uows: UnitOfWorks[PipelineUnitOfWork], open_bucket: Callable[[], ObjectStore]) -> APIRouter:
    """The endpoints that read objects: outside of a transaction, since stores may be slow."""
    evaluations = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @evaluations.get("/{job_id}/evaluation", **requires("jobs:read"))
    async def get_job_evaluation(job_id: JobId, scope: CurrentScope) -> EvaluationRead:
        """Show how a job's model did on rows that it had not seen: metrics, curves, confusion matrix."""
        async with uows.read() as uow:
            found = (await uow.jobs.require(scope, job_id)).require_evaluation()
        return EvaluationRead.model_validate_json(await Blobs(open_bucket()).get_bytes(found))

    @evaluations.get("/{job_id}/report", response_class=Response, responses=REPORTS, **requires("jobs:read"))
    async def get_job_report(
        job_id: JobId, scope: CurrentScope, format: Annotated[ReportFormat, Query()] = ReportFormat.HTML
    ) -> Response:
        """Show all that is known of a job's model: as a page of its own, as JSON, or as a model card."""
        async with uows.read() as uow:
            found = (await uow.jobs.require(scope, job_id)).require_report(format)
        headers = {"Content-Security-Policy": PAGE_POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(await Blobs(open_bucket()).get_bytes(found), media_type=MEDIA[format], headers=headers)

    return evaluations
