"""Points that optuna chooses by what the trials before have shown.

The journal keeps the trials; optuna's own study lives in memory and is made of them again where a process begins. The
seed of every trial comes from the study's seed and the trial's number, so that a study that was killed goes on as it
would have.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from skyulf_core.tuning.config import Pruner, Sampler
from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.strategies.base import Proposal, Rest, Strategy
from skyulf_core.tuning.trial import Trial

if TYPE_CHECKING:
    import optuna

_FIRST_PRUNED = 2
"""No trial ends by optuna's rules before so many folds."""


class Optuna(Strategy):
    """Asks a sampler, and a pruner after every fold."""

    def __init__(
        self, space: SearchSpace, *, n_trials: int | None, sampler: Sampler, pruner: Pruner, folds: int,
        random_state: int, metric: str, greater_is_better: bool,
    ) -> None:  # fmt: skip
        import optuna

        self._space, self._n_trials, self._sampler, self._metric = space, n_trials, sampler, metric
        self._random_state = random_state
        self._running: dict[int, optuna.Trial] = {}
        self._told: set[int] = set()
        with _quiet():
            self._study = optuna.create_study(
                study_name="tuning",
                direction="maximize" if greater_is_better else "minimize",
                pruner=_pruner(pruner, folds),
            )

    @property
    def total(self) -> int | None:
        """How many trials there are."""
        return self._n_trials

    def propose(self, trials: Sequence[Trial]) -> Proposal | Rest:
        """Ask the sampler, who knows all trials that have ended and those that run in this process."""
        if self._n_trials is not None and len(trials) >= self._n_trials:
            return Rest.DONE
        for trial in trials:
            if trial.ended:
                self.ended(trial)
        number = len(trials)
        with _quiet():
            self._study.sampler = self._seeded(number)
            self._running[number] = self._study.ask()
            return Proposal(self._suggested(self._running[number]))

    def _suggested(self, trial: optuna.Trial) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        for parameter in self._space.parameters:
            if parameter.matters(found):
                found[parameter.name] = parameter.dimension.suggest(trial, parameter.name)
        return found

    def _repeat(self, trial: Trial, scores: Sequence[float]) -> None:
        """Make a trial of another process, or of an earlier one, known to optuna as if it had proposed it."""
        dimensions = {parameter.name: parameter.dimension for parameter in self._space.parameters}
        with _quiet():
            self._study.sampler = self._seeded(trial.number)
            self._study.enqueue_trial({name: dimensions[name].encoded(value) for name, value in trial.params.items()})
            again = self._running[trial.number] = self._study.ask()
            if self._sampler == "cma_es":
                _ = again.relative_params  # the generation that the sampler counts it to
            self._suggested(again)
        for step in range(1, len(scores) + 1):
            again.report(float(np.mean(scores[:step])), step)

    def should_prune(self, trial: Trial, scores: Sequence[float]) -> bool:
        """Ask the pruner about the means of the first folds."""
        if trial.number not in self._running:
            self._repeat(trial, scores[:-1])
        asked = self._running[trial.number]
        asked.report(float(np.mean(scores)), len(scores))
        return asked.should_prune()

    def ended(self, trial: Trial) -> None:
        """Tell the study how a trial ended."""
        from optuna.trial import TrialState

        if trial.number in self._told:
            return
        if trial.number not in self._running:
            self._repeat(trial, trial.scores(self._metric) if trial.state != "failed" else [])
        asked = self._running.pop(trial.number)
        self._told.add(trial.number)
        states = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
        with _quiet():
            self._study.sampler = self._seeded(trial.number)
            self._study.tell(asked, trial.score, states.get(trial.state, TrialState.FAIL))

    def _seeded(self, number: int) -> optuna.samplers.BaseSampler:
        """Return the sampler with the seed of one trial."""
        from optuna import samplers

        seed = int(np.random.SeedSequence([self._random_state, number]).generate_state(1)[0])
        if self._sampler == "tpe":
            return samplers.TPESampler(seed=seed)
        if self._sampler == "random":
            return samplers.RandomSampler(seed=seed)
        if self._sampler == "gp":
            return samplers.GPSampler(seed=seed, warn_independent_sampling=False)
        return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)


def _pruner(name: Pruner, folds: int) -> optuna.pruners.BasePruner:
    from optuna import pruners

    if name == "median":
        return pruners.MedianPruner(n_warmup_steps=_FIRST_PRUNED)
    if name == "hyperband":
        return pruners.HyperbandPruner(min_resource=min(_FIRST_PRUNED, folds), max_resource=folds)
    return pruners.NopPruner()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep optuna from saying that a study was made, and that a sampler is new."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)
