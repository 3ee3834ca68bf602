"""What people do with models that were trained elsewhere: have them taken in."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.telemetry.tracing import current_traceparent

from skyulf_pipeline import events
from skyulf_pipeline.domain.jobs import Job, JobKind, Pinned, Received
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import pipelines

# it takes seconds: it shall not wait for hours of training that others have queued
PRIORITY = 100


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What was sent, and what the model was made from, as its importer says; datasets need not be here."""

    received: Received
    pipeline_version: int
    dataset: Pinned
    sources: Mapping[str, Pinned]
    register_as: str | None = None


async def queue_import(uow: PipelineUnitOfWork, *, scope: Scope, pipeline_id: UUID, request: ImportRequest) -> Job:
    """Queue the import of a model, and announce it. Raises `NotFoundError` for an unknown version of the pipeline."""
    pipeline = await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
    version = await uow.pipelines.numbered(pipeline, request.pipeline_version)
    now = utc_now()
    job = Job(
        id=new_id(),
        project_id=pipeline.project_id,
        kind=JobKind.IMPORT,
        pipeline_id=pipeline.id,
        pipeline_version=version.number,
        pipeline_name=pipeline.name,
        dataset_id=request.dataset.dataset_id,
        dataset_version=request.dataset.version,
        dataset_name=request.dataset.name,
        sources=request.sources,
        register_as=request.register_as or pipeline.register_as,
        received=request.received,
        author=scope.subject,
        traceparent=current_traceparent(),
        priority=PRIORITY,
        run_after=now,
        queued_at=now,
        created_at=now,
        updated_at=now,
    )
    await uow.jobs.add(job)
    await uow.publish(events.job_queued(job))
    return job
