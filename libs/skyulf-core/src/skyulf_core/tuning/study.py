"""Running a study: trials one after the other or side by side, each written down as it goes.

Side by side they run in threads: training lets go of Python's lock, the rows and what trials share of the preprocessing
are there once, and processes that were measured beside them (boosting and logistic regression, two at once) were no
faster. Several processes share a study over its storage.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, Protocol, TypeAlias

import numpy as np

from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import CoreError, DataError
from skyulf_core.threads import held_to, usable_threads
from skyulf_core.tuning.addresses import with_values
from skyulf_core.tuning.checks import Tuning
from skyulf_core.tuning.journal import Journal
from skyulf_core.tuning.pruning import clearly_worse
from skyulf_core.tuning.strategies.base import Proposal, Rest, Strategy, key_of
from skyulf_core.tuning.trial import Fold, Trial, best_of
from skyulf_core.validation.result import FoldResult

OnTrial: TypeAlias = Callable[[Trial], None]
End: TypeAlias = Literal["done", "stopped", "timeout"]
_PAUSE = 0.05
"""Seconds between two looks at the journal, while others are at work."""


class Folds(Protocol):
    """Runs folds of a pipeline with other parameters; of an amount of rows, where one is given."""

    @property
    def folds(self) -> int:
        """How many there are."""

    def run_fold(self, resolved: Resolved, index: int, *, rows: int | None = None) -> FoldResult:
        """Train and score one."""


@dataclass(frozen=True)
class Watch:
    """Who is told of trials that end, of progress and of trials that change, and who may end the study."""

    on_trial: OnTrial | None = None
    report: Report | None = None
    should_stop: Callable[[], bool] | None = None
    on_change: OnTrial | None = None


class Study:
    """Runs the trials of one study in this process, until the study, its seconds or the caller's patience end."""

    def __init__(
        self, resolved: Resolved, tuning: Tuning, folds: Folds, *, strategy: Strategy, journal: Journal, watch: Watch,
        seconds: float | None,
    ) -> None:  # fmt: skip
        self._resolved, self._tuning, self._folds = resolved, tuning, folds
        self._strategy, self._journal, self._watch = strategy, journal, watch
        self._lock = threading.RLock()
        self._started, self._seconds = time.monotonic(), seconds
        self._abandoned = threading.Event()
        self._kept: tuple[int, list[FoldResult]] | None = None
        self.end: End = "done"

    def run(self) -> list[Trial]:
        """Run trials; return all of the journal, those of other workers among them."""
        jobs = self._tuning.config.n_jobs
        jobs = usable_threads() if jobs < 1 else jobs
        if jobs == 1:
            self._work()
        else:
            self._work_side_by_side(jobs)
        return self._journal.trials()

    def results_of(self, trial: Trial) -> list[FoldResult] | None:
        """Return the predictions of the best trial, where it ran in this process from its first fold on."""
        return self._kept[1] if self._kept is not None and self._kept[0] == trial.number else None

    def _work_side_by_side(self, jobs: int) -> None:
        with ThreadPoolExecutor(jobs, thread_name_prefix="trial") as pool:
            futures = [pool.submit(self._work, threads=max(usable_threads() // jobs, 1)) for _ in range(jobs)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._abandoned.set()
                raise

    def _work(self, threads: int | None = None) -> None:
        with held_to(threads):  # its share of the processors, beside others
            while (trial := self._next()) is not None:
                try:
                    self._run(trial)
                except BaseException:
                    self._abandoned.set()
                    raise

    def _next(self) -> Trial | None:
        """Return the next trial; wait for others where what comes next depends on them, or where they may yet fail."""
        while not self._stops():
            rest: list[Rest] = []
            trial = self._journal.claim(partial(self._proposed, rest=rest))
            if trial is not None:
                return trial
            if Rest.DONE in rest and not self._others():
                return None
            time.sleep(_PAUSE)
        return None

    def _proposed(self, trials: Sequence[Trial], *, rest: list[Rest]) -> Trial | None:
        with self._lock:
            found = self._strategy.propose(trials)
        if isinstance(found, Proposal):
            return Trial(len(trials), found.params, round=found.round, resource=found.resource)
        rest.append(found)
        return None

    def _others(self) -> bool:
        """Say whether somebody else is at work: another process, whose trial falls to us if it dies."""
        return any(not t.ended and t.worker != self._journal.worker for t in self._journal.trials())

    def _stops(self) -> bool:
        if self._abandoned.is_set():
            return True
        if self._watch.should_stop is not None and self._watch.should_stop():
            self.end = "stopped"
            return True
        if self._seconds is not None and time.monotonic() - self._started >= self._seconds:
            self.end = "timeout"
            return True
        return False

    def _run(self, trial: Trial) -> None:
        """Run the folds that a trial lacks."""
        results: list[FoldResult] = []
        try:
            resolved, trial = self.applied(trial), self._as_twin(trial)
            while trial.state == "running":
                if self._stops():
                    self._journal.record(replace(trial, state="stopped"))
                    return
                trial = self._next_fold(trial, resolved, results)
        except CoreError as error:
            trial = replace(trial, state="failed", error=str(error))
        self._journal.record(trial)
        self._ended(trial, results)

    def _as_twin(self, trial: Trial) -> Trial:
        """Return a trial with the folds of a complete one of the same values: they would come out the same."""
        key = (key_of(trial.params), trial.resource)
        for other in self._journal.trials():
            if other.state == "complete" and (key_of(other.params), other.resource) == key:
                return replace(trial, state="complete", score=other.score, folds=other.folds)
        return trial

    def _next_fold(self, trial: Trial, resolved: Resolved, results: list[FoldResult]) -> Trial:
        """Run one fold; return the trial with it, and with how it ended where it did."""
        index, metric = len(trial.folds), self._tuning.metric
        rows = trial.resource if self._tuning.resource is None else None
        result = self._folds.run_fold(resolved, index, rows=rows)
        if metric not in result.metrics:
            message = f"{metric} is undefined for the rows of fold {index + 1}, or the model has no probabilities"
            raise DataError(message, reason="undefined-metric")
        results.append(result)
        fold = Fold(index, result.metrics, result.seconds)
        trial = replace(trial, folds=(*trial.folds, fold), seconds=trial.seconds + result.seconds)
        if len(trial.folds) == self._folds.folds:
            return replace(trial, state="complete", score=float(np.mean(trial.scores(metric))))
        if self._prunes(trial):
            return replace(trial, state="pruned")
        self._journal.record(trial)
        self._tell(trial)
        return trial

    def _prunes(self, trial: Trial) -> bool:
        config, metric = self._tuning.config, self._tuning.metric
        if config.pruner == "none" or config.halving:
            return False
        scores = trial.scores(metric)
        if config.pruner == "folds":
            others = [other.scores(metric) for other in self._journal.trials() if other.state == "complete"]
            return clearly_worse(scores, others, greater_is_better=self._tuning.greater_is_better)
        with self._lock:
            return self._strategy.should_prune(trial, scores)

    def _ended(self, trial: Trial, results: list[FoldResult]) -> None:
        """Let strategy and caller know, and keep the predictions of the best trial."""
        best = self._best()
        with self._lock:
            self._strategy.ended(trial)
            if best is not None and best.number == trial.number and len(results) == self._folds.folds:
                self._kept = (trial.number, results)
            if self._watch.on_trial is not None:
                self._watch.on_trial(trial)
        self._tell(trial)

    def _best(self) -> Trial | None:
        return best_of(self._journal.trials(), greater_is_better=self._tuning.greater_is_better)

    def _tell(self, trial: Trial) -> None:
        """Report how far the study is, and the best score so far."""
        if self._watch.report is None:
            return
        trials, total = self._journal.trials(), self._strategy.total
        begun = sum(1.0 if t.ended else len(t.folds) / self._folds.folds for t in trials)
        fractions = [begun / total] if total else []
        if self._seconds is not None:
            fractions.append((time.monotonic() - self._started) / self._seconds)
        best = self._best()
        said = "" if best is None else f", best {self._tuning.metric} {best.score:.6g} (trial {best.number})"
        with self._lock:
            self._watch.report(min(max(fractions, default=0.0), 1.0), f"trial {trial.number}{said}")

    def applied(self, trial: Trial) -> Resolved:
        """Return the pipeline of a trial. Raises InvalidConfigError where its values do not go together."""
        resolved = self._tuning.space.applied(self._resolved, trial.params)
        if self._tuning.resource is not None and trial.resource is not None:
            resolved = with_values(resolved, {self._tuning.resource: trial.resource})
        return resolved
