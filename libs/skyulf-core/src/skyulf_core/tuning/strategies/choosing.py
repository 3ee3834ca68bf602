"""The strategy that a configuration names, for folds of a certain number and size."""

from __future__ import annotations

from typing import assert_never

from skyulf_core.problems import DataError, InvalidConfigError
from skyulf_core.tuning.checks import Tuning
from skyulf_core.tuning.config import DEFAULT_TRIALS
from skyulf_core.tuning.rounds import FEWEST, least_drawn, round_problems
from skyulf_core.tuning.strategies.base import Strategy
from skyulf_core.tuning.strategies.grid import Grid
from skyulf_core.tuning.strategies.halving import least_rows
from skyulf_core.tuning.strategies.halving_grid import HalvingGrid
from skyulf_core.tuning.strategies.halving_random import HalvingRandom
from skyulf_core.tuning.strategies.random import Random


def strategy_of(tuning: Tuning, *, folds: int, part: int, rows: int, classes: int | None) -> Strategy:
    """Return the strategy; `part` is the size of the smallest part of a fold.

    Raises InvalidConfigError where a round would have too few rows for the folds, DataError where there are fewer rows
    than the first one shall have.
    """
    config, space, better = tuning.config, tuning.space, tuning.greater_is_better
    n_trials = config.n_trials or (None if config.timeout else DEFAULT_TRIALS)
    match config.strategy:
        case "grid":
            return Grid(space, n_trials=config.n_trials)
        case "random":
            return Random(space, n_trials=n_trials, random_state=config.random_state)
        case "optuna":
            from skyulf_core.tuning.strategies.optuna import Optuna

            return Optuna(
                space, n_trials=n_trials, sampler=config.sampler, pruner=config.pruner, folds=folds,
                random_state=config.random_state, metric=tuning.metric, greater_is_better=better,
            )  # fmt: skip
        case "halving_grid":
            least, most = _resources(tuning, folds=folds, part=part, rows=rows, classes=classes)
            return HalvingGrid(
                space, factor=config.factor, least=least, most=most, exhaust=config.min_resource is None,
                greater_is_better=better,
            )  # fmt: skip
        case "halving_random":
            least, most = _resources(tuning, folds=folds, part=part, rows=rows, classes=classes)
            return HalvingRandom(
                space, n_trials=config.n_trials or DEFAULT_TRIALS, random_state=config.random_state,
                factor=config.factor, least=least, most=most, exhaust=config.min_resource is None,
                greater_is_better=better,
            )  # fmt: skip
        case _:
            assert_never(config.strategy)


def _resources(tuning: Tuning, *, folds: int, part: int, rows: int, classes: int | None) -> tuple[int, int]:
    """Return the least and the most of the resource that a round may have.

    Of rows, both are raised where a part of a fold that has as many as there are classes would get fewer.
    """
    config = tuning.config
    if tuning.resource is not None:
        return config.min_resource or 1, config.max_resource or 1
    problems = list(round_problems(config, part=part, rows=rows))
    if problems:
        raise InvalidConfigError(problems)
    wanted = max(classes or FEWEST, FEWEST)
    needed = least_drawn(part, rows, wanted if wanted <= part else FEWEST)
    most = max(min(config.max_resource or rows, rows), needed)
    least = config.min_resource or min(least_rows(folds, classes), most)
    if least > most:
        message = f"the first round of halving needs {least} rows, and there are {most}; choose the strategy random"
        raise DataError(message, reason="too-few-rows")
    return max(least, needed), most
