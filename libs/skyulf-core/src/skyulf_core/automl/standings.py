"""The candidates that were tried, how they stand, and what their scores are worth."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from skyulf_core.automl.leaderboard import Entry, Stage, entry_of
from skyulf_core.automl.rounds import Candidate
from skyulf_core.automl.setup import Setup
from skyulf_core.evaluation.metrics import greater_is_better
from skyulf_core.tuning.trial import Trial

_FEW_ROWS, _FEW_TELLING = 2_000, 100
"""With so few rows, or fewer than this beside the commonest class in a fold, the score on one fold is noise."""


class Standings:
    """Keeps the trials of a search, each with its candidate and its line of the board."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._pipelines: dict[int, Candidate] = {}
        self.trials: list[Trial] = []
        self.entries: list[Entry] = []

    @property
    def rows(self) -> int:
        """How many training rows there are."""
        return len(self.setup.validator.rows)

    @cached_property
    def share(self) -> float:
        """The share of the rows that a fold learns from."""
        return len(self.setup.validator.fold_rows(0).train) / max(self.rows, 1)

    def keep(self, candidate: Candidate, trial: Trial, stage: Stage) -> None:
        """Keep a trial that has ended."""
        self.trials.append(trial)
        self._pipelines[trial.number] = candidate
        self.entries.append(entry_of(trial, metric=self.setup.metric, rows=trial.resource or self.rows, stage=stage))

    def candidate(self, trial: Trial) -> Candidate:
        """Return what a trial was of."""
        return self._pipelines[trial.number]

    def complete(self, rung: int | None = None) -> list[Trial]:
        """Return the complete trials (of a round), the best first."""
        sign = -1.0 if greater_is_better(self.setup.metric) else 1.0
        found = [t for t in self.trials if t.state == "complete" and rung in (None, t.round)]
        return sorted(found, key=lambda trial: (-trial.round, sign * (trial.score or 0.0), trial.number))

    def best(self) -> Trial | None:
        """Return the best complete trial of the latest round that any has completed."""
        return next(iter(self.complete()), None)

    def whole(self, trial: Trial) -> bool:
        """Say whether a complete trial was judged on all rows and all folds."""
        return (trial.resource or self.rows) >= self.rows and len(trial.folds) == self.setup.validator.folds

    @property
    def perfect(self) -> bool:
        """Whether nothing can be better, on all rows and folds: metrics of which more is better end at 1."""
        best, metric = self.best(), self.setup.metric
        if best is None or not greater_is_better(metric):
            return False
        return (best.score or 0.0) >= 1.0 and self.whole(best)

    @cached_property
    def noisy(self) -> bool:
        """Whether a fold judges on so few rows that its score alone says little."""
        if self.rows <= _FEW_ROWS:
            return True
        judged = self.setup.validator.truth[self.setup.validator.fold_rows(0).test]
        commonest = 0
        if self.setup.task == "classification":
            commonest = int(np.bincount(judged.astype(np.int64)).max())
        return len(judged) - commonest < _FEW_TELLING
