"""From values of players to the explanation of a row: of the class that is answered, the largest contribution first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from skyulf_core.serving.explaining.contributions import Contribution, Explanation
from skyulf_core.serving.explaining.numbers import Floats
from skyulf_core.serving.ops.base import Scalar


@dataclass(frozen=True, eq=False)
class Told:
    """The amounts of the names, and their errors, for one row, and the base that they begin at."""

    names: Sequence[str]
    amounts: Floats
    errors: Floats
    base: float

    def explanation(self, answer: Scalar, probability: float | None, cells: Mapping[str, Scalar]) -> Explanation:
        """Return the same beside the answer; `cells` are the values of the row."""
        parts = [
            Contribution(name, cells.get(name), float(amount), float(error))
            for name, amount, error in zip(self.names, self.amounts, self.errors, strict=True)
        ]
        ordered = tuple(sorted(parts, key=lambda part: -abs(part.amount)))
        return Explanation(answer, probability, self.base, self.base + float(self.amounts.sum()), ordered)


def told_of_sum(names: Sequence[str], values: Floats, base: Floats, *, code: int, classes: int) -> Told:
    """Return what a sum (names x outputs) says of one row: of the class of a code; `classes` is 0 for a number."""
    several = values.shape[1] > 1
    output = code if several else 0
    # one score of two classes: what speaks for the second speaks against the first
    sign = -1.0 if classes == 2 and not several and code == 0 else 1.0
    return Told(names, sign * values[:, output], np.zeros(len(names)), float(sign * base[output]))
