"""Jobs, their logs and evaluations."""

from datetime import datetime
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue

from skyulf_client.answers.base import Answer, Failure
from skyulf_client.answers.figures import Importance, MetricInterval

ENDS = frozenset({"succeeded", "failed", "cancelled"})


class Pinned(Answer):
    """One version of a dataset that a job reads."""

    dataset_id: UUID
    version: int
    name: str = ""


class BestTrial(Answer):
    """The best complete trial of a tuning so far, its score in the metric's own unit."""

    trial: int
    metric: str
    score: float


class Fold(Answer):
    """One fold of a trial."""

    index: int
    metrics: dict[str, float]
    seconds: float


class Trial(Answer):
    """Values of the parameters that a tuning searches, and what came of them. ``seconds`` is what its folds took."""

    number: int
    part: str = ""
    params: dict[str, JsonValue]
    state: str
    score: float | None = None
    folds: list[Fold] = Field(default_factory=list)
    seconds: float
    error: str | None = None
    round: int = 0
    resource: int | None = None


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
    intervals: dict[str, MetricInterval] = Field(default_factory=dict)
    decisions: dict[str, JsonValue] = Field(default_factory=dict)
    importances: list[Importance] = Field(default_factory=list)
    has_report: bool = False
    tuning: dict[str, JsonValue] | None = None
    keep_best: bool = False
    best: BestTrial | None = None
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


class BundleFile(Answer):
    """A file of a model's bundle."""

    path: str
    size: int
    sha256: str


class Evaluation(Answer):
    """How a model did on rows that it had not seen; curves and matrices are further fields of the task."""

    model_config = ConfigDict(extra="allow")

    task: str
    rows: int
    metrics: dict[str, float]
