"""Jobs: how far they are, what they made, and how to stop or repeat them."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from skyulf_service.database.unit_of_work import UnitOfWorks
from skyulf_service.http.dependencies import CurrentScope, PageQuery
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires
from skyulf_service.objects.blobs import Blobs
from skyulf_service.objects.store import ObjectStore
from skyulf_service.work.states import WorkStatus

from skyulf_pipeline.api.dependencies import JobId, ReadUow, Uow
from skyulf_pipeline.api.job_schemas import EvaluationRead, JobRead, LogLineRead
from skyulf_pipeline.persistence.tables import jobs as table
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import jobs

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])


@router.get("", **requires("jobs:read"))
async def list_jobs(
    uow: ReadUow,
    scope: CurrentScope,
    page: PageQuery,
    status: Annotated[WorkStatus | None, Query()] = None,
    pipeline_id: Annotated[UUID | None, Query()] = None,
) -> PageRead[JobRead]:
    """List the project's jobs, newest first."""
    where = [table.c.status == status.value] if status is not None else []
    where += [table.c.pipeline_id == pipeline_id] if pipeline_id is not None else []
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


@router.post("/{job_id}/cancel", status_code=202, **requires("jobs:run"))
async def cancel_job(job_id: JobId, uow: Uow, scope: CurrentScope, idempotency: Idempotency) -> JobRead:
    """Stop a job: a queued one at once, a running one within seconds."""

    async def cancel() -> JobRead:
        return JobRead.of(await jobs.cancel(uow, scope=scope, job_id=job_id))

    return await idempotency.once(uow, scope, None, cancel)


@router.post("/{job_id}/retry", status_code=202, **requires("jobs:run"))
async def retry_job(job_id: JobId, uow: Uow, scope: CurrentScope, idempotency: Idempotency) -> JobRead:
    """Try a job again that failed or was cancelled."""

    async def retry() -> JobRead:
        return JobRead.of(await jobs.retry(uow, scope=scope, job_id=job_id))

    return await idempotency.once(uow, scope, None, retry)


def evaluation_router(uows: UnitOfWorks[PipelineUnitOfWork], open_bucket: Callable[[], ObjectStore]) -> APIRouter:
    """The endpoint that reads objects: outside of a transaction, since stores may be slow."""
    evaluations = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])

    @evaluations.get("/{job_id}/evaluation", **requires("jobs:read"))
    async def get_job_evaluation(job_id: JobId, scope: CurrentScope) -> EvaluationRead:
        """Show how a job's model did on rows that it had not seen: metrics, curves, confusion matrix."""
        async with uows.read() as uow:
            found = (await uow.jobs.require(scope, job_id)).require_evaluation()
        return EvaluationRead.model_validate_json(await Blobs(open_bucket()).get_bytes(found))

    return evaluations
