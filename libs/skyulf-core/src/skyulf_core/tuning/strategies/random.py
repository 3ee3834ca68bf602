"""Points drawn at random: those that scikit-learn's ParameterSampler draws with the same seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from skyulf_core.tuning.space import SearchSpace
from skyulf_core.tuning.strategies.base import Proposal, Rest, Strategy, first_new
from skyulf_core.tuning.trial import Trial

_MANY = 10_000
"""So many points of a finite space are drawn where only time ends the study."""


class Random(Strategy):
    """`n_trials` points, or without an end for None."""

    def __init__(self, space: SearchSpace, *, n_trials: int | None, random_state: int) -> None:
        self._space, self._n_trials = space, n_trials
        self._drawn: list[dict[str, JsonValue]] = []
        self._drawing = drawn(space, self.total, random_state)

    @property
    def total(self) -> int | None:
        """How many trials there are; a space of values alone may have fewer points."""
        if self._space.endless():
            return self._n_trials
        return min(self._n_trials or _MANY, self._space.size())

    def points(self) -> Iterator[dict[str, JsonValue]]:
        """Yield all points, in the order in which they are drawn."""
        for index in itertools.count():
            if index == len(self._drawn):
                point = next(self._drawing, None)
                if point is None:
                    return
                self._drawn.append(point)
            yield self._drawn[index]

    def propose(self, trials: Sequence[Trial]) -> Proposal | Rest:
        """Return the next point."""
        if self.total is not None and len(trials) >= self.total:
            return Rest.DONE
        point = first_new(self.points(), trials)
        return Rest.DONE if point is None else Proposal(point)


def drawn(space: SearchSpace, count: int | None, random_state: int) -> Iterator[dict[str, JsonValue]]:
    """Draw points as ParameterSampler does: of values alone without repetition; what does not matter is left out."""
    from sklearn.model_selection import ParameterSampler

    sampler = ParameterSampler(space.distributions(), count or 2**31 - 1, random_state=random_state)
    for values in sampler:
        yield space.active(values)
