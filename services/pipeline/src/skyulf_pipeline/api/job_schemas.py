"""What the bodies of jobs look like."""

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue
from skyulf_service.work.states import WorkStatus

from skyulf_pipeline.api.schemas import Body, SourceName, Sources, VersionNumber, named_versions
from skyulf_pipeline.domain.jobs import Job, JobKind, LogLevel, LogLine
from skyulf_pipeline.domain.trials import MOST_TRIALS, Trial, TrialState
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


class TuningCreate(RunCreate):
    """What to tune on, and how; without `tuning` as the pipeline itself says."""

    tuning: Annotated[
        dict[str, JsonValue] | None,
        Field(
            description="How parameters are searched: strategy, n_trials, timeout, metric, cv, search_space, sampler, "
            "pruner, random_state, n_jobs. timeout is seconds of each attempt: one that goes on with earlier trials "
            "has them anew. Of a pipeline whose model is `auto`: what it is told in place of its own: "
            "budget (seconds), metric, task, families, stack, cv, random_state",
            examples=[
                {"strategy": "optuna", "n_trials": 50, "search_space": {"learning_rate": {"low": 0.01, "high": 0.5}}},
                {"budget": 300, "metric": "roc_auc"},
            ],
        ),
    ] = None

    continues: UUID | None = Field(
        default=None,
        description="A tuning of the same pipeline and data (no AutoML, which begins anew): this one begins with its "
        "trials, and searches as it did, timeout (its seconds anew) and n_jobs included; "
        "`tuning` says what may differ, as n_trials (of both together), timeout, n_jobs; null takes one away",
    )

    def to_request(self) -> RunRequest:
        """The body as the use cases want it."""
        return replace(super().to_request(), kind=JobKind.TUNE, tuning=self.tuning, continues=self.continues)


class CancelRequest(Body):
    """How a job ends."""

    keep_best: bool = Field(
        default=False,
        strict=True,
        description="Of a tuning and of AutoML: end behind the fold that runs, and train the best trial so far",
    )


class RetryRequest(Body):
    """What is asked of the next attempt."""

    n_trials: Annotated[int, Field(ge=1, le=MOST_TRIALS)] | None = Field(
        default=None,
        description="Of a tuning: how many trials it shall have, those of earlier attempts included; its timeout "
        "begins anew with the attempt. Not of AutoML, which begins anew",
    )


class BestTrialRead(BaseModel):
    """The best complete trial so far, its score in the metric's own unit."""

    trial: int
    metric: str
    score: float


class MetricIntervalRead(BaseModel):
    """The range that holds a metric's true value in `confidence` of all cases."""

    low: float
    high: float
    confidence: float


class ImportanceRead(BaseModel):
    """How much a model goes by one column."""

    name: str
    importance: float


class FoldRead(BaseModel):
    """One fold of a trial."""

    index: int
    metrics: dict[str, float]
    seconds: float


class TrialRead(BaseModel):
    """Values of the parameters that are searched, and what came of them."""

    number: int
    part: str = Field(description="The outer fold of a nested validation that it was for; empty for the study itself")
    params: dict[str, JsonValue]
    state: TrialState
    score: float | None = Field(description="The mean over the folds; null until all are done")
    folds: list[FoldRead]
    seconds: float
    error: str | None
    round: int = Field(description="Counts the rounds of halving")
    resource: int | None = Field(description="What halving gave the trial in its round")
    changed_at: datetime

    @classmethod
    def of(cls, trial: Trial) -> Self:
        """A trial as the API shows it."""
        return cls(**trial.told.model_dump(), changed_at=trial.changed_at)


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
    intervals: dict[str, MetricIntervalRead] = Field(description="How sure the metrics are, by the bootstrap")
    decisions: dict[str, JsonValue] = Field(
        description="What was chosen after training: threshold, calibration, conformal; without large tables"
    )
    importances: list[ImportanceRead] = Field(description="What the model goes by, the largest first, at most 20")
    has_report: bool = Field(description="Whether there is a report to be read")
    digest: str | None = Field(description="SHA-256 of the signed manifest of the model's files")
    tuning: dict[str, JsonValue] | None = Field(description="How a tuning searches; of AutoML what `auto` is told")
    keep_best: bool = Field(description="Whether a tuning was asked to end with its best trial")
    best: BestTrialRead | None = Field(description="The best trial of a tuning, or of AutoML, so far")
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
            best=None if job.best is None else BestTrialRead(**asdict(job.best)),
            error=None if job.error_code is None else FailureRead(code=job.error_code, message=job.error_message or ""),
            task=outcome.task if outcome else None,
            target=outcome.target if outcome else None,
            estimator=outcome.estimator if outcome else None,
            framework=outcome.framework if outcome else None,
            classes=list(outcome.classes) if outcome and outcome.classes is not None else None,
            metrics=outcome.metrics if outcome else {},
            intervals={name: MetricIntervalRead(**asdict(each)) for name, each in outcome.intervals.items()}
            if outcome
            else {},
            decisions=outcome.decisions if outcome else {},
            importances=[ImportanceRead(**asdict(each)) for each in outcome.importances] if outcome else [],
            has_report=bool(outcome and outcome.report),
            digest=outcome.artifact.digest if outcome else None,
        )


_SAME = (
    "id", "kind", "status", "pipeline_id", "pipeline_version", "pipeline_name", "dataset_id", "dataset_version",
    "dataset_name", "register_as", "author", "priority", "attempt", "progress", "step", "created_at", "queued_at",
    "started_at", "finished_at", "tuning", "keep_best",
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
