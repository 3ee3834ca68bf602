"""Successive halving: many candidates with little, the best of them with more, as scikit-learn counts it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from skyulf_core.tuning.strategies.base import Proposal, Rest, Strategy, first_new
from skyulf_core.tuning.trial import Trial


@dataclass(frozen=True)
class Rounds:
    """How many candidates each round has, and how much of the resource each of them gets."""

    candidates: tuple[int, ...]
    resources: tuple[int, ...]

    @classmethod
    def of(cls, count: int, *, least: int, most: int, factor: int, exhaust: bool) -> Rounds:
        """Count them. `exhaust` begins with so much that the last round gets as much as can be.

        >>> Rounds.of(18, least=20, most=1000, factor=3, exhaust=True)
        Rounds(candidates=(18, 6, 2), resources=(111, 333, 999))
        """
        required = 1 + _floor_log(count, factor)
        if exhaust:
            least = max(least, most // factor ** (required - 1))
        rounds = min(required, 1 + _floor_log(most // least, factor))
        candidates = [count]
        for _ in range(rounds - 1):
            candidates.append(math.ceil(candidates[-1] / factor))
        resources = [min(factor**index * least, most) for index in range(rounds)]
        return cls(tuple(candidates), tuple(resources))


class Halving(Strategy):
    """Runs rounds over a list of candidates; a trial is one candidate in one round."""

    def __init__(self, points: Sequence[dict[str, JsonValue]], rounds: Rounds, *, greater_is_better: bool) -> None:
        self._points, self._rounds, self._sign = list(points), rounds, 1.0 if greater_is_better else -1.0

    @property
    def total(self) -> int:
        """The candidates of all rounds."""
        return sum(self._rounds.candidates)

    def propose(self, trials: Sequence[Trial]) -> Proposal | Rest:
        """Return the next candidate of the round, or the first of the next one."""
        points = self._points
        for index, resource in enumerate(self._rounds.resources):
            of_round = [trial for trial in trials if trial.round == index]
            point = first_new(points, of_round)
            if point is not None:
                return Proposal(point, index, resource)
            if not all(trial.ended for trial in of_round):
                return Rest.WAIT
            if index + 1 < len(self._rounds.candidates):
                points = self._best(of_round, self._rounds.candidates[index + 1])
        return Rest.DONE

    def _best(self, trials: Sequence[Trial], count: int) -> list[dict[str, JsonValue]]:
        """Return the best candidates, the worst of them first; those that failed come before all others."""
        found = [-math.inf if trial.score is None else self._sign * trial.score for trial in trials]
        order = np.argsort(np.array(found))
        return [trials[int(index)].params for index in order[-count:]]


def least_rows(folds: int, classes: int | None) -> int:
    """Return the fewest rows that a round may have: two of each class in each fold."""
    return folds * 2 * (classes or 1)


def _floor_log(value: int, base: int) -> int:
    """Return the floor of a logarithm, with whole numbers alone: 3 ** 5 is five threes, not 4.999."""
    power = 0
    while base ** (power + 1) <= value:
        power += 1
    return power
