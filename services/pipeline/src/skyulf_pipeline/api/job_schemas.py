"""What the bodies of jobs look like."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue
from skyulf_service.work.states import WorkStatus

from skyulf_pipeline.api.schemas import Body, SourceName, Sources, VersionNumber, named_versions
from skyulf_pipeline.domain.jobs import Job, JobKind, LogLevel, LogLine
from skyulf_pipeline.service.jobs import RunRequest

Priority = Annotated[int, Field(ge=-100, le=100, description="A higher one goes first")]


class RunCreate(Body):
    """What to train on; without versions the newest ones."""

    dataset_id: UUID
    dataset_version: VersionNumber | None = None
    sources: Sources = Field(default_factory=dict)
    pipeline_version: VersionNumber | None = None
    priority: Priority = 0

    def to_request(self) -> RunRequest:
        """The body as the use cases want it."""
        return RunRequest(
            dataset_id=self.dataset_id,
            dataset_version=self.dataset_version,
            sources=named_versions(self.sources),
            pipeline_version=self.pipeline_version,
            priority=self.priority,
        )


class FailureRead(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class PinnedRead(BaseModel):
    """One version of a dataset that a job reads."""

    dataset_id: UUID
    version: int
    name: str


class JobRead(BaseModel):
    """One run of a pipeline on a dataset."""

    id: UUID
    kind: JobKind
    status: WorkStatus
    pipeline_id: UUID
    pipeline_version: int
    pipeline_name: str
    dataset_id: UUID
    dataset_version: int
    dataset_name: str
    sources: dict[SourceName, PinnedRead] = Field(
        description="The tables of the graph's further sources, by the name of the source"
    )
    register_as: str = Field(description="The model that gets a new version when the job succeeds")
    author: str
    priority: int
    attempt: int = Field(description="How often the job was started")
    progress: float = Field(description="From 0 to 1")
    step: str
    error: FailureRead | None
    task: str | None
    target: str | None
    estimator: str | None
    framework: str | None
    classes: list[JsonValue] | None
    metrics: dict[str, float]
    digest: str | None = Field(description="SHA-256 of the signed manifest of the model's files")
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Job) -> Self:
        """A job as the API shows it; where its files lie is nobody's business."""
        outcome = job.outcome
        same = {name: getattr(job, name) for name in _SAME}
        return cls(
            **same,
            sources={name: PinnedRead(**asdict(pin)) for name, pin in job.sources.items()},
            error=None if job.error_code is None else FailureRead(code=job.error_code, message=job.error_message or ""),
            task=outcome.task if outcome else None,
            target=outcome.target if outcome else None,
            estimator=outcome.estimator if outcome else None,
            framework=outcome.framework if outcome else None,
            classes=list(outcome.classes) if outcome and outcome.classes is not None else None,
            metrics=outcome.metrics if outcome else {},
            digest=outcome.artifact.digest if outcome else None,
        )


_SAME = (
    "id", "kind", "status", "pipeline_id", "pipeline_version", "pipeline_name", "dataset_id", "dataset_version",
    "dataset_name", "register_as", "author", "priority", "attempt", "progress", "step", "created_at", "queued_at",
    "started_at", "finished_at",
)  # fmt: skip


class LogLineRead(BaseModel):
    """One line of a job's log."""

    attempt: int
    seq: int = Field(description="Counts the lines of one attempt from 1")
    at: datetime
    level: LogLevel
    message: str

    @classmethod
    def of(cls, line: LogLine) -> Self:
        """A line as the API shows it."""
        return cls(**{name: getattr(line, name) for name in cls.model_fields})


class EvaluationRead(BaseModel):
    """How a model did on rows that it had not seen; further fields depend on the task."""

    model_config = {"extra": "allow"}

    task: Literal["classification", "regression"]
    rows: int
    metrics: dict[str, float]
