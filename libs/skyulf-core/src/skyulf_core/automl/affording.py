"""What fits into the seconds that are left: the next fold, and behind it a final training."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby

from pydantic import JsonValue

from skyulf_core.automl.budget import SAFETY, Budget, Costs, scaled
from skyulf_core.automl.families import PARALLEL_FROM, Family
from skyulf_core.automl.rounds import Candidate, Rung
from skyulf_core.automl.setup import Setup
from skyulf_core.automl.standings import Standings
from skyulf_core.problems import DataError
from skyulf_core.tuning.strategies.base import key_of
from skyulf_core.tuning.trial import Trial
from skyulf_core.validation.result import FoldResult

_FINISH = 0.4
"""Seconds that judging and describing the trained pipeline take at least, and for each row."""
_FINISH_PER_ROW = 1e-5
_SMALL_PART, _FEW_SECONDS = 0.2, 2.0
"""So much of a budget, or so many seconds, are worth a model where nothing is left of it."""
_FEW_ROWS = 2_000
"""So few rows are never too many: where they took long, the machine did."""
_MUCH_LESS = 0.7
_EXPECTED = 1.5
"""A fold of a machine that is a little busier may take so many times what was estimated."""
_BUSY = 2.0
_SHARE_OF_A_FOLD = 0.5
"""So much of what is left a fold may take that takes longer than that: threads that wait for each other on a busy
machine take many times as long."""


class Affording(Standings):
    """Says what a search can still afford. `held` seconds are kept for something that comes later."""

    def __init__(self, setup: Setup, budget: Budget) -> None:
        super().__init__(setup)
        self.budget, self.costs, self.held = budget, Costs(), 0.0
        self.stopped = False
        self._slowest: dict[int, float] = {}
        self._known: dict[tuple[str, int, int], FoldResult] = {}

    @property
    def busy(self) -> bool:
        """Whether the machine has other things to do: threads that wait for each other then take many times as long."""
        return self.budget.slowness > _BUSY

    def threads(self, family: Family) -> int | None:
        """Return to how many threads a family is held; None where it is not."""
        return 1 if family.openmp and (self.rows < PARALLEL_FROM or self.busy) else None

    def fold_seconds(self, candidate: Candidate, rung: Rung) -> float:
        """Return what a fold will take at most."""
        return self._seconds(candidate, round(rung.rows * self.share))

    def final_seconds(self, candidate: Candidate) -> float:
        """Return what training on all rows, and everything after it, will take at most."""
        return self._seconds(candidate, self.rows) + self._finish

    @property
    def _finish(self) -> float:
        return _FINISH + _FINISH_PER_ROW * self.rows

    def took(self, trial: Trial) -> float:
        """Return what training a complete trial's model on all rows would take, by what its slowest fold took."""
        learned = round((trial.resource or self.rows) * self.share)
        return scaled(self._slowest[trial.number], self.candidate(trial).family, measured=learned, rows=self.rows)

    def _seconds(self, candidate: Candidate, rows: int) -> float:
        if candidate.guess is not None:
            return candidate.guess * rows / self.rows
        family, before = candidate.family, self.costs.preparation(rows)
        return self.costs.estimate(family, rows=rows, factor=candidate.factor * candidate.risk) + before

    def allows(self, candidate: Candidate, rung: Rung, *, folds: int | None = None, keep_best: bool = True) -> bool:
        """Say whether so many folds fit into what is left, and after them a final training: of this candidate, where
        its family was measured before, and of the best that could be trained now (of the cheapest: `keep_best` off).
        """
        left, net = self.budget.left, self._net(keep_best=keep_best)
        own = self.final_seconds(candidate) if self._is_measured(candidate) else 0.0
        one, final = self.fold_seconds(candidate, rung), max(own, net)
        needed = one * (self._folds_to_run(candidate, rung) if folds is None else folds) + final
        # before each fold this is asked again: what may surprise is one of them, and the final training
        return needed + self.budget.margin(one + final) <= left - self.held

    def at_most(self, candidate: Candidate, rung: Rung) -> float:
        """Return the seconds after which a fold that runs is ended, so that something can be trained after it.

        That is the best until now, unless the fold takes no longer than was to be expected; and something is left for
        others. Where nothing could be trained, because nothing has come to a score, there is no such end.
        """
        if not self.complete():
            return math.inf
        expected = self.fold_seconds(candidate, rung) * _EXPECTED
        cheapest, best = (self._net(keep_best=keep_best) for keep_best in (False, True))
        behind = [self.budget.left - net - self.budget.margin(net) for net in (cheapest, best)]
        most = max(expected, _SHARE_OF_A_FOLD * self.budget.left)
        return max(min(behind[0], max(behind[1], expected), most), 0.0)

    def _net(self, *, keep_best: bool) -> float:
        """Return what training the best takes that could be trained now (the cheapest: `keep_best` off)."""
        best = self.chosen() if keep_best else None
        finals = (self._final_of(trial) for trial in self.complete())
        return min(finals, default=0.0) if best is None else self._final_of(best)

    def _folds_to_run(self, candidate: Candidate, rung: Rung) -> int:
        """Return how many folds of a round are not known from an earlier one."""
        key = key_of({"family": candidate.family.name, **candidate.params})
        return sum((key, rung.rows, index) not in self._known for index in range(rung.folds))

    def _is_measured(self, candidate: Candidate) -> bool:
        return candidate.guess is not None or self.costs.measured(candidate.family)

    def chosen(self) -> Trial | None:
        """Return the best complete trial that can be trained in what is left; None where none is complete.

        Later rounds saw more rows and folds, and their best is taken; but where a family was left behind for its costs
        alone, and was better than all that went on, it stays the best.
        """
        found, later = None, set[JsonValue]()
        for trials in self._affordable_rounds():
            families = [trial.params["family"] for trial in trials]
            left_behind = families[0] not in later and not later.isdisjoint(families)
            if found is None or left_behind:
                found = trials[0]
            later |= set(families)
        return found

    def _affordable_rounds(self) -> Iterator[list[Trial]]:
        """Yield the complete trials that can be trained in what is left, round by round from the last.

        Where even the cheapest takes longer, it and what takes no longer: a moment less is not worth a worse model.
        """
        complete = self.complete()
        least = min(map(self._final_of, complete), default=0.0)
        most = max(self.budget.left, least) + self.budget.grace
        some = [trial for trial in complete if self._final_of(trial) <= most]
        if self.noisy and some:
            some = [trial for trial in some if trial.round == some[0].round]
        for _, trials in groupby(some, key=lambda trial: trial.round):
            yield list(trials)

    def _final_of(self, trial: Trial) -> float:
        """Return the same for a candidate that was tried, by what it took itself."""
        seconds = (self.took(trial) + self.costs.preparation(self.rows)) * SAFETY
        return seconds + self._finish

    def affordable(self) -> Trial:
        """Return the best trial whose final training fits into what is left. Raises DataError where none does.

        Estimates are what things take at most; where none fits, what takes no longer than the cheapest is taken if its
        training is a small part of the budget, or few seconds: a machine that was held back shall not lose everything.
        """
        complete = self.complete()
        if not complete:
            raise DataError(self._nothing(), reason="no-trial")
        cheapest = min(complete, key=self._final_of)
        seconds = self.took(cheapest) + self.costs.preparation(self.rows)
        most = max(self.budget.left, self.budget.seconds * _SMALL_PART, _FEW_SECONDS)
        fits = self._final_of(cheapest) <= self.budget.left
        if not fits and self.rows > _FEW_ROWS and seconds > most:
            wanted = math.ceil((self.budget.elapsed + 2 * seconds) * 1.5)
            message = f"{self.budget.seconds:g} seconds are too few for so many rows; choose a budget of about {wanted}"
            raise DataError(message, reason="budget-too-small")
        return self.chosen() or cheapest

    def spare(self, best: Trial) -> tuple[Trial, float] | None:
        """Return what is trained where training the best takes longer than its folds said, and the seconds for it.

        None where nothing takes so much less that there would be time for both.
        """
        spare = min(self.complete(), key=self._final_of)
        seconds = self._final_of(spare)
        both = self.took(best) + self.costs.preparation(self.rows) + seconds
        there_is_time = both <= self.budget.left + self.budget.grace
        return (spare, seconds) if there_is_time and seconds <= _MUCH_LESS * self._final_of(best) else None

    def _nothing(self) -> str:
        failed = [trial for trial in self.trials if trial.state == "failed"]
        if failed:
            return f"none of {len(self.trials)} candidates came to a score; the first failure: {failed[0].error}"
        why = "the search was stopped" if self.stopped else f"the {self.budget.seconds:g} seconds were over"
        return f"no candidate came to a score before {why}"
