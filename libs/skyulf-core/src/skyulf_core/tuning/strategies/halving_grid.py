"""Successive halving over every point of the grid."""

from __future__ import annotations

from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.strategies.halving import Halving, Rounds


class HalvingGrid(Halving):
    """The first round has all points."""

    def __init__(
        self, space: SearchSpace, *, factor: int, least: int, most: int, exhaust: bool, greater_is_better: bool
    ) -> None:
        points = list(space.grid())
        rounds = Rounds.of(len(points), least=least, most=most, factor=factor, exhaust=exhaust)
        super().__init__(points, rounds, greater_is_better=greater_is_better)
