"""Events of pipeline about jobs."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from skyulf_events.envelope import Event
from skyulf_events.refs import (
    ArtifactRef,
    BestTrial,
    DatasetPin,
    Decisions,
    Failure,
    Importances,
    Intervals,
    PipelinePin,
)


class JobEvent(Event):
    """What all events about a job carry. A tuning trains a model too, so `train` is what it is to readers of v1."""

    topic: ClassVar[str] = "skyulf.jobs.v1"
    source: ClassVar[str] = "/services/pipeline"
    subject_field: ClassVar[str] = "job_id"
    minor: ClassVar[int] = 1

    job_id: UUID
    kind: Literal["train"]
    pipeline: PipelinePin
    pipeline_name: str
    dataset: DatasetPin
    sources: dict[str, DatasetPin] = Field(
        default_factory=dict, description="The tables of the graph's further sources, by the name of the source"
    )
    attempt: int = Field(ge=0)
    register_as: str
    queued_at: AwareDatetime


class JobQueued(JobEvent):
    """A job waits for a runner."""

    type: ClassVar[str] = "job.queued"
    status: Literal["queued"] = "queued"


class JobStarted(JobEvent):
    """A runner works on the job."""

    type: ClassVar[str] = "job.started"
    status: Literal["running"] = "running"
    started_at: AwareDatetime


class JobProgressed(JobEvent):
    """A running job moved on; at most one of these a second for one job. ``progress`` runs from 0 to 1."""

    type: ClassVar[str] = "job.progressed"
    minor: ClassVar[int] = 2
    status: Literal["running", "cancelling"] = "running"
    progress: float = Field(ge=0, le=1)
    step: str
    best: BestTrial | None = Field(default=None, description="The best so far, where the job is a tuning")


class JobCompleted(JobEvent):
    """A job ended: succeeded with metrics and an artifact, failed with a reason, or cancelled."""

    type: ClassVar[str] = "job.completed"
    minor: ClassVar[int] = 3
    status: Literal["succeeded", "failed", "cancelled"]
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime
    task: Literal["classification", "regression"] | None = None
    target: str | None = None
    framework: str | None = None
    estimator: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    artifact: ArtifactRef | None = None
    error: Failure | None = None
    best: BestTrial | None = Field(default=None, description="The best trial, where the job is a tuning")
    intervals: Intervals = Field(default_factory=dict)
    decisions: Decisions = Field(default_factory=dict)
    importances: Importances = ()

    @property
    def succeeded(self) -> bool:
        """Whether the job ended with a model."""
        return self.status == "succeeded"
