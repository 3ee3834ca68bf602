"""What people do with jobs: queue, cancel, try again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.telemetry.tracing import current_traceparent

from skyulf_pipeline import events
from skyulf_pipeline.domain.datasets import Dataset, DatasetVersion, Tables
from skyulf_pipeline.domain.jobs import Job, LogText, Pinned
from skyulf_pipeline.domain.pipelines import Pipeline
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import datasets, pipelines
from skyulf_pipeline.service.counters import count_end


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to train on; without versions the newest ones. A higher ``priority`` goes first."""

    dataset_id: UUID
    dataset_version: int | None = None
    sources: Mapping[str, DatasetVersion] = field(default_factory=dict)
    pipeline_version: int | None = None
    priority: int = 0


async def queue_run(uow: PipelineUnitOfWork, *, scope: Scope, pipeline_id: UUID, request: RunRequest) -> Job:
    """Queue a training and announce it.

    Raises `UnknownDatasetError`, `DatasetNotReadyError`, or `InvalidPipelineError` where the pipeline does not fit
    the datasets' columns, or has other sources.
    """
    pipeline = await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
    version = await uow.pipelines.numbered(pipeline, request.pipeline_version or pipeline.latest_version)
    main = DatasetVersion(request.dataset_id, request.dataset_version)
    dataset = await datasets.find(uow, scope=scope, wanted=main)
    sources = await datasets.find_each(uow, scope=scope, wanted=request.sources)
    await pipelines.require_valid(version.config, Tables(dataset, sources))
    job = _new_job(scope, pipeline, version.number, dataset, sources, priority=request.priority)
    await uow.jobs.add(job)
    await uow.publish(events.job_queued(job))
    return job


async def cancel(uow: PipelineUnitOfWork, *, scope: Scope, job_id: UUID) -> Job:
    """End a queued job at once; a running one is told to stop, and ends within seconds."""
    job = await uow.jobs.locked(scope, job_id)
    job.request_cancel()
    await uow.jobs.save(job)
    await uow.logs.append(job, [LogText(f"Cancel requested by {scope.subject}.")])
    if job.is_finished:
        await uow.publish(events.job_completed(job))
        count_end(job.status.value, None)
    return job


async def retry(uow: PipelineUnitOfWork, *, scope: Scope, job_id: UUID) -> Job:
    """Queue a job that failed or was cancelled for its next attempt, and announce it."""
    job = await uow.jobs.locked(scope, job_id)
    job.restart()
    await uow.jobs.save(job)
    await uow.publish(events.job_queued(job))
    return job


def _new_job(
    scope: Scope, pipeline: Pipeline, version: int, dataset: Dataset, sources: Mapping[str, Dataset], *, priority: int
) -> Job:
    now = utc_now()
    return Job(
        id=new_id(),
        project_id=pipeline.project_id,
        pipeline_id=pipeline.id,
        pipeline_version=version,
        pipeline_name=pipeline.name,
        dataset_id=dataset.dataset_id,
        dataset_version=dataset.number,
        dataset_name=dataset.name,
        sources={name: Pinned(found.dataset_id, found.number, found.name) for name, found in sources.items()},
        register_as=pipeline.register_as,
        author=scope.subject,
        traceparent=current_traceparent(),
        priority=priority,
        run_after=now,
        queued_at=now,
        created_at=now,
        updated_at=now,
    )
