"""Every point of the grid once, in scikit-learn's order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from pydantic import JsonValue

from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.strategies.base import Proposal, Rest, Strategy, first_new
from skyulf_core.tuning.trial import Trial


class Grid(Strategy):
    """All points, or the first `n_trials`."""

    def __init__(self, space: SearchSpace, *, n_trials: int | None) -> None:
        self._space, self._n_trials = space, n_trials

    @cached_property
    def points(self) -> list[dict[str, JsonValue]]:
        """The points that are tried."""
        return list(self._space.grid())[: self._n_trials]

    @property
    def total(self) -> int:
        """How many they are."""
        return len(self.points)

    def propose(self, trials: Sequence[Trial]) -> Proposal | Rest:
        """Return the next point."""
        point = first_new(self.points, trials)
        return Rest.DONE if point is None else Proposal(point)
