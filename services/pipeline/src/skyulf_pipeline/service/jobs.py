"""What people do with jobs: queue, cancel, try again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import cast
from uuid import UUID

from skyulf_service.ids import new_id, utc_now
from skyulf_service.scope import Scope
from skyulf_service.telemetry.tracing import current_traceparent

from skyulf_pipeline import events
from skyulf_pipeline.domain.configs import auto_of, is_automatic, said_of, tuning_of, with_auto, with_tuning
from skyulf_pipeline.domain.datasets import Dataset, DatasetVersion, Tables
from skyulf_pipeline.domain.jobs import Job, JobKind, LogText, Pinned
from skyulf_pipeline.domain.pipelines import Config, Pipeline
from skyulf_pipeline.persistence.unit_of_work import PipelineUnitOfWork
from skyulf_pipeline.service import datasets, pipelines
from skyulf_pipeline.service.checks import Checks
from skyulf_pipeline.service.counters import count_end


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to train on; without versions the newest ones. A higher ``priority`` goes first.

    ``kind`` says whether to tune; ``tuning`` goes before what the pipeline says of it. ``continues`` is a tuning with
    whose trials this one begins.
    """

    dataset_id: UUID
    dataset_version: int | None = None
    sources: Mapping[str, DatasetVersion] = field(default_factory=dict)
    pipeline_version: int | None = None
    priority: int = 0
    kind: JobKind = JobKind.TRAIN
    tuning: Config | None = None
    continues: UUID | None = None


async def queue_run(
    uow: PipelineUnitOfWork, *, scope: Scope, pipeline_id: UUID, request: RunRequest, checks: Checks
) -> Job:
    """Queue a training or a tuning, and announce it. Where the model is `auto`, both are the search for the best one.

    A tuning that continues another one takes what it is not told from there.

    Raises `UnknownDatasetError`, `DatasetNotReadyError`, or `InvalidPipelineError` where the pipeline does not fit
    the datasets' columns, or has other sources.
    """
    pipeline = await pipelines.active(uow, scope=scope, pipeline_id=pipeline_id)
    earlier = None if request.continues is None else await uow.jobs.require(scope, request.continues)
    if earlier is not None:
        request = _continued(request, earlier)
    version = await uow.pipelines.numbered(pipeline, request.pipeline_version or pipeline.latest_version)
    main = DatasetVersion(request.dataset_id, request.dataset_version)
    dataset = await datasets.find(uow, scope=scope, wanted=main)
    sources = await datasets.find_each(uow, scope=scope, wanted=request.sources)
    kind = JobKind.AUTOML if is_automatic(version.config) else request.kind
    config = _configured(version.config, kind, request.tuning)
    said = said_of(version.config, request.tuning)
    await pipelines.require_valid(checks, config, Tables(dataset, sources), said=said)
    job = _new_job(scope, pipeline, version.number, dataset, sources, priority=request.priority)
    job.kind, job.tuning = kind, _searching(version.config, kind, request.tuning)
    if earlier is not None:
        job.continue_from(earlier)
    await uow.jobs.add(job)
    if earlier is not None:
        await uow.trials.copy(earlier, job)
    await uow.publish(events.job_queued(job))
    return job


def _configured(config: Config, kind: JobKind, tuning: Config | None) -> Config:
    """Return what is run of a pipeline's configuration and what a request says of the search."""
    match kind:
        case JobKind.AUTOML:
            return with_auto(config, tuning)
        case JobKind.TUNE:
            return with_tuning(config, tuning)
        case JobKind.TRAIN | JobKind.IMPORT:
            return config


def _searching(config: Config, kind: JobKind, tuning: Config | None) -> Config | None:
    """Return how a job was asked to search, to be kept with it."""
    match kind:
        case JobKind.AUTOML:
            return auto_of(with_auto(config, tuning))
        case JobKind.TUNE:
            return cast("Config", tuning_of(config, tuning))
        case JobKind.TRAIN | JobKind.IMPORT:
            return None


def _continued(request: RunRequest, earlier: Job) -> RunRequest:
    """Return a request with what it leaves open as the earlier job had it."""
    searched = {**(earlier.tuning or {}), **earlier.searches}
    return replace(
        request,
        pipeline_version=request.pipeline_version or earlier.pipeline_version,
        dataset_version=request.dataset_version or earlier.dataset_version,
        sources=request.sources
        or {name: DatasetVersion(pin.dataset_id, pin.version) for name, pin in earlier.sources.items()},
        tuning={**searched, **(request.tuning or {})},
    )


async def cancel(uow: PipelineUnitOfWork, *, scope: Scope, job_id: UUID, keep_best: bool = False) -> Job:
    """End a queued job at once; a running one is told to stop, and ends within seconds.

    With ``keep_best`` a tuning ends behind the fold that runs, and then trains the best trial so far.
    """
    job = await uow.jobs.require(scope, job_id, lock=True)
    if keep_best:
        job.end_with_the_best()
    else:
        job.request_cancel()
    await uow.jobs.save(job)
    what = "The end with the best trial so far" if job.keep_best and keep_best else "Cancel"
    await uow.logs.append(job, [LogText(f"{what} requested by {scope.subject}.")])
    if job.is_finished:
        await uow.publish(events.job_completed(job))
        uow.after_commit(partial(count_end, job.kind.value, job.status.value, None))
    return job


async def retry(uow: PipelineUnitOfWork, *, scope: Scope, job_id: UUID, n_trials: int | None = None) -> Job:
    """Queue a job that failed or was cancelled for its next attempt, and announce it. A tuning goes on.

    AutoML begins anew.
    """
    job = await uow.jobs.require(scope, job_id, lock=True)
    job.restart(n_trials=n_trials)
    if job.begin_anew():
        await uow.trials.clear(job)
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
