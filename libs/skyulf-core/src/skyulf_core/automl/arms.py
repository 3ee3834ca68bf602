"""Tuning the promising families: which of them is next, with which parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from importlib.util import find_spec

from pydantic import JsonValue

from skyulf_core.automl.rounds import Candidate, Rung
from skyulf_core.automl.running import Runs
from skyulf_core.evaluation.metrics import greater_is_better
from skyulf_core.problems import CoreError, InvalidConfigError
from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.strategies.base import Proposal, Strategy
from skyulf_core.tuning.strategies.random import Random
from skyulf_core.tuning.trial import Trial

_SHARES = (0.5, 0.3, 0.2)
"""How the time of tuning is divided: to the family that is best at the time, the second, the third."""
_REFUSALS = 10


@dataclass
class Arm:
    """A family that is tuned: its first candidate, what proposes others, and the seconds it has had."""

    first: Candidate
    space: SearchSpace
    strategy: Strategy
    trials: list[Trial] = field(default_factory=list)
    seconds: float = 0.0
    refused: int = 0
    exhausted: bool = False

    @property
    def open(self) -> bool:
        """Whether anything more may be tried."""
        return not self.exhausted and self.refused < _REFUSALS


class Arms:
    """The families that came to a score in the round that was reached, and the search in their parameters."""

    def __init__(self, runs: Runs, rung: Rung) -> None:
        self._setup, self._runs, self._rung = runs.setup, runs, rung
        self._sign = -1.0 if greater_is_better(runs.setup.metric) else 1.0
        self._arms = self._open()

    def again(self) -> None:
        """Let all be tried again: seconds that were kept have come free."""
        for arm in self._arms:
            arm.exhausted, arm.refused = False, 0

    def _open(self) -> list[Arm]:
        arms: list[Arm] = []
        for trial in self._runs.complete(self._rung.index):
            candidate = self._runs.candidate(trial)
            if any(arm.first.family.name == candidate.family.name for arm in arms):
                continue
            try:
                space = SearchSpace.of(candidate.family.space, candidate.resolved)
            except InvalidConfigError:
                continue
            arms.append(Arm(candidate, space, self._strategy(space, len(arms))))
        return arms

    def _strategy(self, space: SearchSpace, place: int) -> Strategy:
        seed = (self._setup.config.random_state + place) % 2**32
        if find_spec("optuna") is None:
            return Random(space, n_trials=None, random_state=seed)
        from skyulf_core.tuning.strategies.optuna import Optuna

        return Optuna(
            space, n_trials=None, sampler="tpe", pruner="folds", folds=self._rung.folds, random_state=seed,
            metric=self._setup.metric, greater_is_better=self._sign < 0,
        )  # fmt: skip

    def run(self) -> None:
        """Tune until nothing more fits into the seconds that are left, or nothing can be better."""
        while self._arms and not self._runs.perfect and not self._runs.stops():
            arm = self._next()
            if arm is None:
                return
            self._try(arm)

    def _next(self) -> Arm | None:
        """Return the family that is furthest behind its share of the time, as families stand now."""
        scores = {
            trial.params["family"]: self._sign * (trial.score or 0.0)
            for trial in reversed(self._runs.complete(self._rung.index))
        }
        standing = sorted(self._arms, key=lambda arm: scores.get(arm.first.family.name, math.inf))
        waits = [
            (arm.seconds / share, arm)
            for arm, share in zip((arm for arm in standing if arm.open), _SHARES, strict=False)
        ]
        return min(waits, key=lambda pair: pair[0])[1] if waits else None

    def _try(self, arm: Arm) -> None:
        quickest = replace(arm.first, factor=0.0)  # proposing takes time too, which is lost where nothing fits
        if not self._runs.allows(quickest, self._rung, folds=min(2, self._rung.folds)):
            arm.exhausted = True
            return
        proposal = arm.strategy.propose(arm.trials)
        if not isinstance(proposal, Proposal):
            arm.exhausted = True
            return
        candidate = self._proposed(arm, proposal.params)
        own = Trial(len(arm.trials), proposal.params, "failed")
        if candidate is None or not self._runs.allows(candidate, self._rung, folds=min(2, self._rung.folds)):
            arm.refused += candidate is not None
            arm.exhausted |= candidate is None and arm.refused + len(arm.trials) > 10_000
        else:
            arm.refused = 0
            trial = self._runs.run(candidate, self._rung, "tuned", others=self._runs.complete(self._rung.index))
            arm.seconds += max(trial.seconds, 1e-3)
            state = trial.state if trial.state in ("complete", "pruned") else "failed"
            folds = trial.folds if state != "failed" else ()
            own = Trial(own.number, own.params, state, trial.score, folds, trial.seconds)
        arm.trials.append(own)
        arm.strategy.ended(own)

    def _proposed(self, arm: Arm, params: dict[str, JsonValue]) -> Candidate | None:
        try:
            resolved = arm.space.applied(arm.first.resolved, params)
        except CoreError:  # values that do not go together
            return None
        whole = {**arm.first.params, **params}
        return Candidate(arm.first.family, whole, resolved, arm.first.family.factor(whole), arm.first.family.risk)
