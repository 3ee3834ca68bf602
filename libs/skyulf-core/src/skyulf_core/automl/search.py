"""The search: families by successive halving, the promising ones tuned, a stack of the best at the end."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from skyulf_core.automl.arms import Arms
from skyulf_core.automl.budget import Budget
from skyulf_core.automl.families import Family
from skyulf_core.automl.leaderboard import AutoResult, End, Spare, ranked
from skyulf_core.automl.rounds import Candidate, Rung, rungs_of
from skyulf_core.automl.running import Runs
from skyulf_core.automl.setup import Setup, prepare
from skyulf_core.automl.stacking import Stack
from skyulf_core.evaluation.metrics import greater_is_better
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.schema import Schema
from skyulf_core.tuning.study import Watch
from skyulf_core.tuning.trial import Trial

_LEAST_KEPT = 4
_FIRST_SHARE = 0.35
"""So much of the budget the first round may take, where four families have been seen."""
_JUDGED_SHARE = 0.5
"""So much of it may be over when another is judged on all folds, where four were and one fold says little."""
_SHARE_OF_ONE = 0.5
"""So much of what is left one family may take to be judged on all folds, where another was."""


def search(
    resolved: Resolved, tables: Mapping[str, pl.DataFrame], schema: Schema, watch: Watch, *, began: float | None = None
) -> AutoResult:
    """Return the best pipeline that was found for a checked `auto` and normalised tables, and what was tried.

    Whoever trains it on all rows has the seconds for that left. `watch` is told of every candidate that ends (its
    family is the parameter `family`), and may end the search: the best so far is returned then. Raises
    InvalidConfigError and DataError; DataError where no candidate came to a score, or none could be trained in time.
    """
    auto = resolved.auto
    if auto is None:
        raise ValueError("the pipeline has no auto")
    budget = Budget(auto.config.budget, began=began)
    setup = prepare(resolved, auto, tables, schema)
    return _Search(setup, Runs(setup, budget, watch)).run()


class _Search:
    def __init__(self, setup: Setup, runs: Runs) -> None:
        self._setup, self._runs = setup, runs
        self._rungs = rungs_of(runs.rows, setup.validator.folds)
        self._last = self._rungs[0]  # the round that was reached: what comes after is judged as it was
        self._sign = -1.0 if greater_is_better(setup.metric) else 1.0

    def run(self) -> AutoResult:
        """Search until the budget, the families or the caller's patience end."""
        runs = self._runs
        self._halve()
        if runs.complete(self._last.index) and not self._a_guess and not runs.perfect and not runs.stops():
            stack, arms = Stack(runs, self._last), Arms(runs, self._last)
            stack.hold()
            arms.run()
            runs.held = 0.0
            stack.run()
            arms.again()  # what is left of the seconds that were kept for it
            arms.run()
        return self._result(runs.affordable())

    def _result(self, best: Trial) -> AutoResult:
        runs, board = self._runs, ranked(self._runs.entries, greater_is_better=self._sign < 0)
        entries = {entry.number: entry for entry in board}
        top, spare, found = entries[best.number], None, runs.spare(best)
        if found is not None:
            spare = Spare(entries[found[0].number], runs.candidate(found[0]).resolved, found[1])
        end: End = "stopped" if runs.stopped else "done" if runs.perfect else "budget"
        return AutoResult(
            # what cannot be trained in time stands on the board, but not at the top of it
            top, self._setup.metric, (top, *(entry for entry in board if entry is not top)),
            runs.candidate(best).resolved, self._setup.notes, runs.budget.elapsed, runs.budget.seconds,
            end, spare, runs.threads(runs.candidate(best).family),
        )  # fmt: skip

    def _halve(self) -> None:
        alive = [self._first(family) for family in self._setup.families]
        for rung in self._rungs:
            done: list[tuple[Candidate, Trial]] = []
            for candidate in alive:
                if self._runs.stops():
                    return
                if self._begins(candidate, rung, begun=len(done)):  # where the best costs too much, the next may not
                    others = [trial for _, trial in done] if rung is self._rungs[-1] else []
                    done.append((candidate, self._runs.run(candidate, rung, "first look", others=others)))
                    self._hold_for_folds(rung, done)
            self._runs.held = 0.0
            scored = [(found, trial) for found, trial in done if trial.state == "complete"]
            if not scored:
                return
            self._last = rung
            scored.sort(key=lambda pair: (self._sign * (pair[1].score or 0.0), pair[1].number))
            all_of_them = self._runs.noisy and rung.rows >= self._runs.rows
            kept = len(scored) if all_of_them else max(_LEAST_KEPT, math.ceil(len(scored) / 2))
            alive = [found for found, _ in scored[:kept]]

    @property
    def _a_guess(self) -> bool:
        """Whether the scores of the round that was reached are of too few rows to choose among many by them."""
        return self._runs.noisy and self._last is not self._rungs[-1]

    def _hold_for_folds(self, rung: Rung, done: list[tuple[Candidate, Trial]]) -> None:
        """Keep the seconds in which the cheapest so far is judged on all folds, where one alone says little."""
        last = self._rungs[-1]
        if self._runs.noisy and rung is not last:
            scored = [candidate for candidate, trial in done if trial.state == "complete"]
            fold = min((self._runs.fold_seconds(candidate, last) for candidate in scored), default=0.0)
            self._runs.held = fold * (last.folds - 1)

    def _first(self, family: Family) -> Candidate:
        params = self._setup.defaults(family)
        if self._runs.busy:
            params.pop("n_jobs", None)  # one thread each
        node = family.nodes[self._setup.task]
        return Candidate(family, params, self._setup.pipeline(node, params, kind=family.kind))

    def _begins(self, candidate: Candidate, rung: Rung, *, begun: int) -> bool:
        """Say whether a family is worth its time in this round: the first of the first round always is."""
        if not self._runs.trials:
            return True
        if not self._runs.allows(candidate, rung, keep_best=False):
            return False
        if not rung.index and self._runs.budget.fraction > _FIRST_SHARE and len(self._runs.trials) >= _LEAST_KEPT:
            return False
        if self._runs.noisy and rung.index and self._runs.budget.fraction > _JUDGED_SHARE and begun >= _LEAST_KEPT:
            return False
        needed = self._runs.fold_seconds(candidate, rung) * rung.folds
        return not begun or needed <= _SHARE_OF_ONE * self._runs.budget.left
