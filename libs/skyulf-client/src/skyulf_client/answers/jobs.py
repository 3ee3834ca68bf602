"""Jobs, their logs and evaluations."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from skyulf_client.answers.base import Answer, Failure

ENDS = frozenset({"succeeded", "failed", "cancelled"})


class Pinned(Answer):
    """One version of a dataset that a job reads."""

    dataset_id: UUID
    version: int
    name: str = ""


class Job(Answer):
    """One run of a pipeline on a dataset. ``progress`` runs from 0 to 1."""

    id: UUID
    kind: str
    status: str
    pipeline_id: UUID
    pipeline_version: int
    pipeline_name: str
    dataset_id: UUID
    dataset_version: int
    dataset_name: str = ""
    sources: dict[str, Pinned] = Field(default_factory=dict)
    register_as: str
    priority: int = 0
    attempt: int = 0
    progress: float = 0.0
    step: str = ""
    error: Failure | None = None
    task: str | None = None
    target: str | None = None
    estimator: str | None = None
    classes: list[JsonValue] | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def done(self) -> bool:
        """Whether the job has ended, well or not."""
        return self.status in ENDS

    @property
    def seconds(self) -> float | None:
        """How long the last attempt took, in seconds."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class LogLine(Answer):
    """One line of a job's log."""

    attempt: int
    seq: int
    at: datetime
    level: str
    message: str


class Evaluation(Answer):
    """How a model did on rows that it had not seen; curves and matrices are further fields of the task."""

    model_config = ConfigDict(extra="allow")

    task: str
    rows: int
    metrics: dict[str, float]
