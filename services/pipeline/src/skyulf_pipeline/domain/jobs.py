"""Jobs: one run of a pipeline's version on a dataset's version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import JsonValue
from skyulf_service.ids import utc_now
from skyulf_service.work.states import (
    CancelRequestedError,
    WorkFinishedError,
    WorkNotRunningError,
    WorkState,
    WorkStatus,
)

from skyulf_pipeline.domain.errors import (
    NoBundleError,
    NoEvaluationError,
    NoReportError,
    NotATuningError,
    NothingToKeepError,
    OtherStudyError,
)
from skyulf_pipeline.domain.judging import Importance, JudgingFile, MetricInterval, ReportFormat
from skyulf_pipeline.domain.trials import NO_TRIAL, BestTrial


class JobKind(StrEnum):
    """What a job does."""

    TRAIN = "train"
    TUNE = "tune"
    AUTOML = "automl"
    IMPORT = "import"


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
class Pinned:
    """One version of a dataset that a job reads; the name is what it was called then."""

    dataset_id: UUID
    version: int
    name: str


@dataclass(frozen=True, slots=True)
class Received:
    """A bundle as somebody has sent it, until its import has ended."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run that succeeded has made.

    ``intervals`` say how sure ``metrics`` are, ``decisions`` what was chosen after training, ``importances`` what the
    model goes by. ``report`` is None where none could be made; the log says why.
    """

    task: str
    target: str
    framework: str
    estimator: str
    classes: tuple[JsonValue, ...] | None
    metrics: dict[str, float]
    artifact: Artifact
    evaluation: JudgingFile | None = None
    intervals: dict[str, MetricInterval] = field(default_factory=dict)
    decisions: dict[str, JsonValue] = field(default_factory=dict)
    importances: tuple[Importance, ...] = ()
    report: dict[ReportFormat, JudgingFile] | None = None


_MAY_CHANGE = ("n_trials", "timeout", "n_jobs")
_SAME_STUDY = ("pipeline_id", "pipeline_version", "dataset_id", "dataset_version", "sources", "searches")


@dataclass(slots=True, kw_only=True)
class Job(WorkState):
    """A piece of work with its inputs pinned, so that what is edited or deleted later does not change it.

    ``tuning`` says how a tuning searches (of AutoML: what `auto` is told), ``best`` what it has found so far; with
    ``keep_best`` it ends between two folds, and its model is that of the best trial. An import trains nothing: it takes
    a model in that was ``received``; what it reads is what that was made from, and need not be here.
    """

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
    tuning: dict[str, JsonValue] | None = None
    keep_best: bool = False
    best: BestTrial | None = None
    received: Received | None = None
    version: int = 1

    @property
    def reads(self) -> tuple[Pinned, ...]:
        """The datasets that the job reads: the one whose rows are learned from, then those of further sources."""
        return (Pinned(self.dataset_id, self.dataset_version, self.dataset_name), *self.sources.values())

    @property
    def searches(self) -> dict[str, JsonValue]:
        """How the job searches, without what may change while the study stays the same.

        Raises `NotATuningError`, and `OtherStudyError` for AutoML, with which no other job can go on.
        """
        if self.tuning is None:
            raise NotATuningError("The job is no tuning, so it has no trials.")
        if self.kind is JobKind.AUTOML:
            raise OtherStudyError("AutoML begins anew each time; queue another one, with a larger budget.")
        return {name: value for name, value in self.tuning.items() if name not in _MAY_CHANGE and value is not None}

    def continue_from(self, earlier: "Job") -> None:
        """Begin with what another job has found, or raise `OtherStudyError` naming what differs."""
        differing = [name for name in _SAME_STUDY if getattr(self, name) != getattr(earlier, name)]
        if str(self.searches.get("strategy", "")).startswith("halving"):
            raise OtherStudyError("The rounds of halving were planned for its trials; they cannot go on with more.")
        if differing:
            what = " and ".join(differing).replace("_", " ")
            raise OtherStudyError(f"Job {earlier.id} is another study: its {what} differ.")
        self.best = earlier.best

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

    def end_with_the_best(self) -> None:
        """Ask a tuning to try no more and to train the best so far; one without a trial is cancelled."""
        if self.is_finished:
            raise WorkFinishedError(f"The work has ended ({self.status}); there is nothing to cancel.")
        if self.tuning is None:
            raise NothingToKeepError("The job is no tuning, so it has no best trial that could be kept.")
        if self.status is WorkStatus.QUEUED and self.best is None:
            self.request_cancel()
        else:
            self.keep_best = True

    def end_badly(self, code: str, message: str) -> None:
        """End with a reason; cancelled where somebody asked for the end, and so before the first complete trial."""
        if self.keep_best and code == NO_TRIAL:
            self.end_cancelled()
        else:
            self.fail(code, message)

    def begin_anew(self) -> bool:
        """Forget what earlier attempts have found, where the next one cannot go on with it; returns whether that is so.

        What AutoML chooses depends on the seconds that things took, so nothing of it can be taken up.
        """
        if self.kind is not JobKind.AUTOML:
            return False
        self.best = None
        return True

    def restart(self, *, n_trials: int | None = None) -> None:
        """Queue the job for its next attempt. A tuning keeps its trials; ``n_trials`` is how many it shall then have.

        Raises `NotATuningError` where trials are asked of another job, or of rounds that were planned for others.
        """
        if n_trials is not None:
            if self.tuning is None:
                raise NotATuningError("The job is no tuning, so it has no trials.")
            if self.kind is JobKind.AUTOML:
                raise NotATuningError("The job is AutoML: its budget of seconds ends it, not a number of trials.")
            if str(self.tuning.get("strategy", "")).startswith("halving"):
                raise NotATuningError("The rounds of halving were planned for its trials; queue another tuning.")
            self.tuning = {**self.tuning, "n_trials": n_trials}
        self.retry()
        self.outcome, self.keep_best = None, False

    def require_outcome(self) -> Outcome:
        """What the job has made, or `NoBundleError`."""
        if self.outcome is None:
            raise NoBundleError(f"The job is {self.status}; only a job that succeeded has made a model.")
        return self.outcome

    def require_evaluation(self) -> JudgingFile:
        """Where the evaluation lies, or `NoEvaluationError`."""
        if self.outcome is None:
            raise NoEvaluationError(f"The job is {self.status}; only a job that succeeded has an evaluation.")
        if self.outcome.evaluation is None:
            raise NoEvaluationError("The job held no rows out, so there was nothing to judge its model on.")
        return self.outcome.evaluation

    def require_report(self, form: ReportFormat) -> JudgingFile:
        """Where the report lies in one of its forms, or `NoReportError`."""
        if self.outcome is None:
            raise NoReportError(f"The job is {self.status}; only a job that succeeded has a report.")
        if self.outcome.report is None:
            raise NoReportError("No report was made of the job's model; its log says why.")
        return self.outcome.report[form]


@dataclass(frozen=True, slots=True)
class LogText:
    """A line to be logged."""

    message: str
    level: LogLevel = LogLevel.INFO
    at: datetime = field(default_factory=utc_now)
