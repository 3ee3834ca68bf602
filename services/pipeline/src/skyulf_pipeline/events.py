"""From jobs to their published contracts. A job must have been saved, so that its version orders the event."""

from dataclasses import asdict
from datetime import datetime
from typing import Literal, TypedDict, cast
from uuid import UUID

from skyulf_events import (
    ArtifactRef,
    BestTrial,
    DatasetPin,
    Failure,
    FeatureImportance,
    JobCompleted,
    JobProgressed,
    JobQueued,
    JobStarted,
    MetricInterval,
    PipelinePin,
)
from skyulf_service.ids import new_id, utc_now

from skyulf_pipeline.domain.jobs import Job


class JobFields(TypedDict):
    """What all events about a job carry."""

    event_id: UUID
    project_id: UUID
    aggregate_version: int
    occurred_at: datetime
    job_id: UUID
    kind: Literal["train"]
    pipeline: PipelinePin
    pipeline_name: str
    dataset: DatasetPin
    sources: dict[str, DatasetPin]
    attempt: int
    register_as: str
    queued_at: datetime


def job_queued(job: Job) -> JobQueued:
    """Announce that a job waits for a runner."""
    return JobQueued(**_fields(job))


def job_started(job: Job) -> JobStarted:
    """Announce that a runner works on a job."""
    return JobStarted(**_fields(job), started_at=job.started_at or utc_now())


def job_progressed(job: Job) -> JobProgressed:
    """Announce how far a job is."""
    status: Literal["running", "cancelling"] = "cancelling" if job.cancel_requested else "running"
    return JobProgressed(**_fields(job), status=status, progress=job.progress, step=job.step, best=_best(job))


def job_completed(job: Job) -> JobCompleted:
    """Announce how a job ended, with all that a reader needs to know of it."""
    outcome = job.outcome
    event = JobCompleted(
        **_fields(job),
        status=cast("Literal['succeeded', 'failed', 'cancelled']", job.status.value),
        started_at=job.started_at,
        finished_at=job.finished_at or utc_now(),
        error=Failure(code=job.error_code, message=job.error_message or "") if job.error_code else None,
        best=_best(job),
    )
    if outcome is None:
        return event
    made = {
        "task": outcome.task,
        "target": outcome.target,
        "framework": outcome.framework,
        "estimator": outcome.estimator,
        "metrics": outcome.metrics,
        "intervals": {name: MetricInterval(**asdict(each)) for name, each in outcome.intervals.items()},
        "decisions": outcome.decisions,
        "importances": tuple(FeatureImportance(**asdict(each)) for each in outcome.importances),
        "artifact": ArtifactRef(
            bucket=outcome.artifact.bucket,
            key=outcome.artifact.key,
            digest=outcome.artifact.digest,
            size=outcome.artifact.size,
        ),
    }
    return event.model_copy(update=made)


def _best(job: Job) -> BestTrial | None:
    best = job.best
    return None if best is None else BestTrial(trial=best.trial, metric=best.metric, score=best.score)


def _fields(job: Job) -> JobFields:
    return {
        "event_id": new_id(),
        "project_id": job.project_id,
        "aggregate_version": job.version,
        "occurred_at": utc_now(),
        "job_id": job.id,
        "kind": "train",  # what a tuning is to readers of this version, who know no other
        "pipeline": PipelinePin(pipeline_id=job.pipeline_id, version=job.pipeline_version),
        "pipeline_name": job.pipeline_name,
        "dataset": DatasetPin(dataset_id=job.dataset_id, version=job.dataset_version),
        "sources": {
            name: DatasetPin(dataset_id=pin.dataset_id, version=pin.version) for name, pin in job.sources.items()
        },
        "attempt": job.attempt,
        "register_as": job.register_as,
        "queued_at": job.queued_at,
    }
