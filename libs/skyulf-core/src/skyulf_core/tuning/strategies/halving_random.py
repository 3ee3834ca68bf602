"""Successive halving over points drawn at random."""

from __future__ import annotations

from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.strategies.halving import Halving, Rounds
from skyulf_core.tuning.strategies.random import drawn


class HalvingRandom(Halving):
    """The first round has `n_trials` points, those that the strategy `random` would try."""

    def __init__(
        self, space: SearchSpace, *, n_trials: int, random_state: int, factor: int, least: int, most: int,
        exhaust: bool, greater_is_better: bool,
    ) -> None:  # fmt: skip
        count = n_trials if space.endless() else min(n_trials, space.size())
        points = list(drawn(space, count, random_state))
        rounds = Rounds.of(len(points), least=least, most=most, factor=factor, exhaust=exhaust)
        super().__init__(points, rounds, greater_is_better=greater_is_better)
