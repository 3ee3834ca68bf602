"""Pipelines: configurations in versions, their checks and their runs."""

from fastapi import APIRouter, Response
from skyulf_service.http.dependencies import CurrentScope, IfMatch, PageQuery, etag
from skyulf_service.http.idempotency import Idempotency
from skyulf_service.http.pages import PageRead
from skyulf_service.http.requires import requires

from skyulf_pipeline.api.dependencies import Checking, Number, PipelineId, ReadUow, Uow
from skyulf_pipeline.api.job_schemas import JobRead, RunCreate, TuningCreate
from skyulf_pipeline.api.schemas import (
    PipelineRead,
    PipelineSummary,
    PipelineVersionRead,
    PipelineVersionSummary,
    PipelineWrite,
    ValidateRequest,
    ValidationRead,
    named_versions,
)
from skyulf_pipeline.domain.datasets import DatasetVersion, Tables
from skyulf_pipeline.persistence.pipelines import ACTIVE
from skyulf_pipeline.service import datasets, jobs, pipelines

router = APIRouter(prefix="/api/v1/pipelines", tags=["pipelines"])


@router.post("", status_code=201, **requires("pipelines:write"))
async def create_pipeline(
    body: PipelineWrite, uow: Uow, scope: CurrentScope, checks: Checking, idempotency: Idempotency, response: Response
) -> PipelineRead:
    """Keep a valid configuration as a pipeline."""

    async def create() -> PipelineRead:
        pipeline, version = await pipelines.create(uow, scope=scope, draft=body.draft(), checks=checks)
        response.headers["ETag"] = etag(pipeline.version)
        return PipelineRead.with_config(pipeline, version)

    return await idempotency.once(uow, scope, body, create)


@router.post("/validate", **requires("pipelines:read"))
async def validate_pipeline(
    body: ValidateRequest, uow: ReadUow, scope: CurrentScope, checks: Checking
) -> ValidationRead:
    """Check a configuration without keeping it: all problems at once, and the columns after each step."""
    main = None
    if body.dataset_id is not None:
        wanted = DatasetVersion(body.dataset_id, body.dataset_version)
        main = await datasets.find(uow, scope=scope, wanted=wanted)
    sources = await datasets.find_each(uow, scope=scope, wanted=named_versions(body.sources))
    return ValidationRead.of(await pipelines.check(checks, body.config, Tables(main, sources)))


@router.get("", **requires("pipelines:read"))
async def list_pipelines(uow: ReadUow, scope: CurrentScope, page: PageQuery) -> PageRead[PipelineSummary]:
    """List the project's pipelines, newest first."""
    found = await uow.pipelines.list(scope, limit=page.limit, cursor=page.cursor, where=[ACTIVE])
    return PageRead.of(found, PipelineSummary.of)


@router.get("/{pipeline_id}", **requires("pipelines:read"))
async def get_pipeline(pipeline_id: PipelineId, uow: ReadUow, scope: CurrentScope, response: Response) -> PipelineRead:
    """Show a pipeline with its newest configuration."""
    pipeline = await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
    version = await uow.pipelines.numbered(pipeline, pipeline.latest_version)
    response.headers["ETag"] = etag(pipeline.version)
    return PipelineRead.with_config(pipeline, version)


@router.put("/{pipeline_id}", **requires("pipelines:write"))
async def update_pipeline(
    pipeline_id: PipelineId,
    body: PipelineWrite,
    uow: Uow,
    scope: CurrentScope,
    checks: Checking,
    if_match: IfMatch,
    response: Response,
) -> PipelineRead:
    """Keep a configuration as the pipeline's next version."""
    pipeline = await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
    if_match.check(pipeline.version)
    pipeline, version = await pipelines.revise(uow, scope=scope, pipeline=pipeline, draft=body.draft(), checks=checks)
    response.headers["ETag"] = etag(pipeline.version)
    return PipelineRead.with_config(pipeline, version)


@router.delete("/{pipeline_id}", status_code=204, **requires("pipelines:delete"))
async def delete_pipeline(pipeline_id: PipelineId, uow: Uow, scope: CurrentScope) -> None:
    """Take a pipeline out of use; its jobs and models stay."""
    await pipelines.delete(uow, scope=scope, pipeline_id=pipeline_id)


@router.get("/{pipeline_id}/versions", **requires("pipelines:read"))
async def list_pipeline_versions(
    pipeline_id: PipelineId, uow: ReadUow, scope: CurrentScope, page: PageQuery
) -> PageRead[PipelineVersionSummary]:
    """List a pipeline's configurations, newest first."""
    pipeline = await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
    found = await uow.pipelines.versions(pipeline, limit=page.limit, cursor=page.cursor)
    return PageRead.of(found, PipelineVersionSummary.of)


@router.get("/{pipeline_id}/versions/{version}", **requires("pipelines:read"))
async def get_pipeline_version(
    pipeline_id: PipelineId, version: Number, uow: ReadUow, scope: CurrentScope
) -> PipelineVersionRead:
    """Show one configuration of a pipeline; those of deleted pipelines too, since jobs were made from them."""
    pipeline = await uow.pipelines.require(scope, pipeline_id)
    return PipelineVersionRead.with_config(await uow.pipelines.numbered(pipeline, version))


@router.post("/{pipeline_id}/runs", status_code=202, **requires("jobs:run"))
async def run_pipeline(
    pipeline_id: PipelineId, body: RunCreate, uow: Uow, scope: CurrentScope, checks: Checking, idempotency: Idempotency
) -> JobRead:
    """Queue a training of the pipeline on a dataset; where its model is `auto`, the search for the best one."""

    async def run() -> JobRead:
        request = body.to_request()
        job = await jobs.queue_run(uow, scope=scope, pipeline_id=pipeline_id, request=request, checks=checks)
        return JobRead.of(job)

    return await idempotency.once(uow, scope, body, run)


@router.post("/{pipeline_id}/tunings", status_code=202, **requires("jobs:run"))
async def tune_pipeline(
    pipeline_id: PipelineId,
    body: TuningCreate,
    uow: Uow,
    scope: CurrentScope,
    checks: Checking,
    idempotency: Idempotency,
) -> JobRead:
    """Queue a search for the pipeline's best parameters on a dataset; its model is that of the best trial.

    Where the model is `auto`, preparation and model are searched within a budget of seconds (a job of kind `automl`).
    """

    async def tune() -> JobRead:
        request = body.to_request()
        job = await jobs.queue_run(uow, scope=scope, pipeline_id=pipeline_id, request=request, checks=checks)
        return JobRead.of(job)

    return await idempotency.once(uow, scope, body, tune)
