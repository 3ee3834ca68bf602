"""Running candidates on folds, as far as the budget allows, and keeping what came of them."""

from __future__ import annotations

import importlib
import math
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np

from skyulf_core.automl.affording import Affording
from skyulf_core.automl.budget import Budget
from skyulf_core.automl.deadline import OverdueError, until
from skyulf_core.automl.leaderboard import Stage
from skyulf_core.automl.rounds import Candidate, Rung
from skyulf_core.automl.setup import Setup
from skyulf_core.evaluation.metrics import greater_is_better
from skyulf_core.problems import CoreError, DataError
from skyulf_core.threads import held_to
from skyulf_core.tuning.pruning import clearly_worse
from skyulf_core.tuning.strategies.base import key_of
from skyulf_core.tuning.study import Watch
from skyulf_core.tuning.trial import Fold, Trial
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.result import FoldResult

_WARM_ROWS = 200
_PREPARED = 0.5
"""The fraction that a fold reports when its rows have come out of the last step."""
_AT_LEAST = 1.5
"""A fold that was ended would have taken so many times what it had."""


class Runs(Affording):
    """Runs candidates, and keeps their trials.

    What cannot be finished within the budget is not begun, and what takes so much longer than was to be expected that
    nothing could be trained after it is ended.
    """

    def __init__(self, setup: Setup, budget: Budget, watch: Watch) -> None:
        super().__init__(setup, budget)
        self._watch, self._thinned = watch, dict[int, CrossValidator]()

    def stops(self) -> bool:
        """Say whether the caller wants no more."""
        if not self.stopped and self._watch.should_stop is not None:
            self.stopped = self._watch.should_stop()
        return self.stopped

    def run(self, candidate: Candidate, rung: Rung, stage: Stage, *, others: Sequence[Trial] = ()) -> Trial:
        """Run a candidate's folds; it ends early where it is clearly worse than `others`, or time or patience end."""
        trial = Trial(
            len(self.trials), {"family": candidate.family.name, **candidate.params}, round=rung.index,
            resource=rung.rows,
        )  # fmt: skip
        try:
            while trial.state == "running":
                trial = self._next_fold(candidate, rung, trial, others, keep_best=stage != "first look")
        except CoreError as error:
            trial = replace(trial, state="failed", error=str(error))
        self._ended(candidate, trial, stage)
        return trial

    def _next_fold(
        self, candidate: Candidate, rung: Rung, trial: Trial, others: Sequence[Trial], *, keep_best: bool
    ) -> Trial:
        metric, index = self.setup.metric, len(trial.folds)
        key = (key_of(trial.params), rung.rows, index)
        result = self._known.get(key)
        if result is None:
            first = not self.trials and not index
            if self.stops() or not (first or self.allows(candidate, rung, folds=1, keep_best=keep_best)):
                return replace(trial, state="stopped")
            try:
                result = self._fold(candidate, rung, trial)
            except OverdueError:
                return replace(trial, state="stopped")
        if not math.isfinite(result.metrics.get(metric, math.nan)):
            message = f"{metric} is undefined for the rows of fold {index + 1}, or the model has no probabilities"
            raise DataError(message, reason="undefined-metric")
        self._slowest.setdefault(trial.number, result.seconds)
        self._known[key] = replace(result, predictions=np.zeros(0), probabilities=None, rows=np.zeros(0, np.int64))
        folds = (*trial.folds, Fold(index, result.metrics, result.seconds))
        trial = replace(trial, folds=folds, seconds=trial.seconds + result.seconds)
        self._tell(trial)
        if len(folds) == rung.folds:
            return replace(trial, state="complete", score=float(np.mean(trial.scores(metric))))
        known = [other.scores(metric) for other in others if other.state == "complete"]
        worse = clearly_worse(trial.scores(metric), known, greater_is_better=greater_is_better(metric))
        return replace(trial, state="pruned") if worse else trial

    def _fold(self, candidate: Candidate, rung: Rung, trial: Trial) -> FoldResult:
        """Run a fold, and learn what its preparation and its model took. Raises OverdueError if it is ended."""
        if candidate.family.package is not None:
            importlib.import_module(candidate.family.package)  # once, and no part of what a fold takes
        if not self.trials and not trial.folds:
            self._warm(candidate)
        validator, index = self._of(rung.rows), len(trial.folds)
        began, prepared = time.perf_counter(), 0.0

        def note(fraction: float, _: str) -> None:
            nonlocal prepared
            prepared = time.perf_counter() - began if fraction == _PREPARED else prepared

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a candidate that has not settled is judged as it is
            try:
                with held_to(self.threads(candidate.family)):
                    end = time.monotonic() + self.at_most(candidate, rung)
                    result = until(end, lambda: validator.run_fold(candidate.resolved, index, report=note))
            except OverdueError:
                self._took(candidate, rung, (time.perf_counter() - began - prepared) * _AT_LEAST)
                raise
        self.costs.learn_preparation(rows=round(rung.rows * self.share), seconds=prepared)
        seconds = self._took(candidate, rung, result.seconds - prepared)
        self._slowest[trial.number] = max(self._slowest.get(trial.number, 0.0), seconds)
        return result

    def _took(self, candidate: Candidate, rung: Rung, seconds: float) -> float:
        """Learn what the model of a fold took; return it."""
        self.budget.mark()
        learned = round(rung.rows * self.share)
        self.costs.learn(candidate.family, rows=learned, seconds=seconds, factor=candidate.factor)
        return seconds

    def _warm(self, candidate: Candidate) -> None:
        """Learn from a few rows before anything is measured: what is loaded by then is no part of what a fold takes."""
        if candidate.guess is not None or self.rows <= _WARM_ROWS:
            return
        with warnings.catch_warnings(), suppress(CoreError):  # so few rows may lack a class
            warnings.simplefilter("ignore")
            share = _WARM_ROWS / self.rows
            self.setup.validator.thinned(share, random_state=0).run_fold(candidate.resolved, 0)

    def _of(self, rows: int) -> CrossValidator:
        """Return the validator of so many rows."""
        if rows >= self.rows:
            return self.setup.validator
        if rows not in self._thinned:
            seed = self.setup.config.random_state
            self._thinned = {rows: self.setup.validator.thinned(rows / self.rows, random_state=seed)}
        return self._thinned[rows]

    def _ended(self, candidate: Candidate, trial: Trial, stage: Stage) -> None:
        self.keep(candidate, trial, stage)
        if self._watch.on_trial is not None and (trial.folds or trial.state == "failed"):
            self._watch.on_trial(trial)

    def _tell(self, trial: Trial) -> None:
        if self._watch.report is not None:
            best = self.best()
            said = "" if best is None else f", best {self.setup.metric} {best.score:.6g}"
            self._watch.report(self.budget.fraction, f"{trial.params['family']}{said}")
