"""Jobs: one run of a pipeline's version on a dataset's version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from skyulf_service.ids import utc_now
from skyulf_service.work.states import CancelRequestedError, WorkNotRunningError, WorkState, WorkStatus

from skyulf_pipeline.domain.errors import NoEvaluationError


class JobKind(StrEnum):
    """What a job does."""

    TRAIN = "train"


class LogLevel(StrEnum):
    """How much a line of a job's log matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's log; ``seq`` counts the lines of one attempt from 1."""

    job_id: UUID
    attempt: int
    seq: int
    at: datetime
    level: LogLevel
    message: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A signed manifest: ``digest`` is the SHA-256 of its bytes, ``size`` their number."""

    bucket: str
    key: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class EvaluationFile:
    """The whole evaluation as a blob of this service's bucket."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Pinned:
    """One version of a dataset that a job reads; the name is what it was called then."""

    dataset_id: UUID
    version: int
    name: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run that succeeded has made."""

    task: str
    target: str
    framework: str
    estimator: str
    classes: tuple[JsonValue, ...] | None
    metrics: dict[str, float]
    artifact: Artifact
    evaluation: EvaluationFile | None = None


@dataclass(slots=True, kw_only=True)
class Job(WorkState):
    """A piece of work with its inputs pinned, so that what is edited or deleted later does not change it."""

    id: UUID
    project_id: UUID
    pipeline_id: UUID
    pipeline_version: int
    pipeline_name: str
    dataset_id: UUID
    dataset_version: int
    dataset_name: str
    sources: Mapping[str, Pinned] = field(default_factory=dict)
    register_as: str
    author: str
    traceparent: str | None = None
    created_at: datetime
    updated_at: datetime
    kind: JobKind = JobKind.TRAIN
    outcome: Outcome | None = None
    version: int = 1

    @property
    def reads(self) -> tuple[Pinned, ...]:
        """The datasets that the job reads: the one whose rows are learned from, then those of further sources."""
        return (Pinned(self.dataset_id, self.dataset_version, self.dataset_name), *self.sources.values())

    def advance(self, progress: float, step: str) -> None:
        """Take in how far the run is; it never goes back."""
        if self.status not in (WorkStatus.RUNNING, WorkStatus.CANCELLING):
            raise WorkNotRunningError(f"The job is {self.status}, not running.")
        self.progress = max(self.progress, min(max(progress, 0.0), 1.0))
        self.step = step

    def complete(self, outcome: Outcome) -> None:
        """End with a model. Raises `CancelRequestedError` when somebody asked for the end before."""
        if self.cancel_requested:
            raise CancelRequestedError("A cancel was requested before the job ended.")
        self.succeed()
        self.outcome = outcome
        self.step = "done"

    def restart(self) -> None:
        """Queue the job for its next attempt, with nothing left of the last one."""
        self.retry()
        self.outcome = None

    def require_evaluation(self) -> EvaluationFile:
        """Where the evaluation lies, or `NoEvaluationError`."""
        if self.outcome is None:
            raise NoEvaluationError(f"The job is {self.status}; only a job that succeeded has an evaluation.")
        if self.outcome.evaluation is None:
            raise NoEvaluationError("The job held no rows out, so there was nothing to judge its model on.")
        return self.outcome.evaluation


@dataclass(frozen=True, slots=True)
class LogText:
    """A line to be logged."""

    message: str
    level: LogLevel = LogLevel.INFO
    at: datetime = field(default_factory=utc_now)
