"""Operations that say how unlike the others a row is: local_outlier_factor, and detect, the last of an anomaly plan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, Origins, Row, RowFunction, operation
from skyulf_core.serving.ops.distances import (
    METRICS,
    Metric,
    Stored,
    check_finite,
    distances,
    in_blocks,
    of_row,
    smallest,
)
from skyulf_core.serving.ops.linear import DECISION, PREDICTION, SCORES

_DENSEST = 1e-10
"""Added to mean distances, as scikit-learn does: among equal rows they are 0."""


@operation
@dataclass(frozen=True, eq=False)
class LocalOutlierFactor(Op):
    """Write the opposite of the local outlier factor: about -1 among others, lower where rows are sparser than there.

    Of a row's `n_neighbors` nearest rows of `matrix` (of equals the first rows, all in the order of the rows):
    `reach = max(distance, reaches[row])`, `density = 1 / (mean(reach) + 1e-10)`; the score is
    `-mean(densities[row] / density)`. A null feature raises.
    """

    op: ClassVar[str] = "local_outlier_factor"
    features: tuple[str, ...]
    matrix: NDArray[np.float64]
    reaches: NDArray[np.float64]
    densities: NDArray[np.float64]
    n_neighbors: int
    metric: Metric = "euclidean"

    def __post_init__(self) -> None:
        for name in ("matrix", "reaches", "densities"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        count = len(self.reaches)
        if self.matrix.shape != (count, len(self.features)) or self.densities.shape != (count,):
            raise ValueError(f"local_outlier_factor: shape {self.matrix.shape} for {len(self.features)} features")
        if self.metric not in METRICS or not 1 <= self.n_neighbors <= count:
            raise ValueError(f"local_outlier_factor: metric {self.metric!r}, {self.n_neighbors} neighbours of {count}")

    def row_function(self) -> RowFunction:
        """Score one row, on numpy."""

        def run(values: Row) -> None:
            values[SCORES] = [float(self._scores(of_row(values, self.features), 0)[0])]

        return run

    def batch(self, columns: Columns) -> None:
        """Score columns."""
        scores = in_blocks(columns, self.features, len(self.matrix), self._scores, np.float64)
        columns[SCORES] = scores.reshape(-1, 1)

    def _scores(self, block: NDArray[np.float64], first: int) -> NDArray[np.float64]:
        count, (nearest, apart) = self.n_neighbors, self._nearest(block)
        total = np.zeros(len(block))
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            for at, distance in zip(nearest.T, apart.T, strict=True):
                total += np.maximum(distance, self.reaches[at])
        check_finite(total, first)
        density = 1.0 / (total / count + _DENSEST)
        ratios = np.zeros(len(block))
        for at in nearest.T:
            ratios += self.densities[at] / density
        return -(ratios / count)

    def _nearest(self, block: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the nearest rows of each row, in their order, and their distances; of equals the first count."""
        count = self.n_neighbors
        pairs = self._stored.pairs(block, count) if self.metric == "euclidean" and len(block) else None
        if pairs is None:
            apart = distances(block, self.matrix, self.metric)
            nearest = _smallest(apart, count)
            return nearest, np.take_along_axis(apart, nearest, axis=1)
        found = np.sqrt(pairs.squares)
        chosen = smallest(pairs, found, count)
        return pairs.stored[chosen], found[chosen]

    @cached_property
    def _stored(self) -> Stored:
        return Stored(self.matrix)

    def makes(self) -> frozenset[str]:
        """Make the score."""
        return frozenset({SCORES})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return frozenset().union(*(origins.get(name, frozenset()) for name in self.features))


def _smallest(apart: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the places of the smallest numbers of each row, in order of place; of equals the first."""
    last = np.partition(apart, count - 1, axis=1)[:, count - 1 : count]
    closer, equal = apart < last, apart == last
    wanted = count - closer.sum(axis=1, keepdims=True)
    chosen = closer | (equal & (np.cumsum(equal, axis=1) <= wanted))
    return np.nonzero(chosen)[1].reshape(len(apart), count)


@operation
@dataclass(frozen=True)
class Detect(Op):
    """Write the decision, `score - offset`, and as the prediction -1 (an anomaly) where it is below 0, else 1.

    With `expected_depth` the score read is a depth, and stands for `-(2 ** -(depth / expected_depth))`; where the
    expected depth is 0, for -0.5.
    """

    op: ClassVar[str] = "detect"
    offset: float
    expected_depth: float | None = None

    def row_function(self) -> RowFunction:
        """Judge one row."""
        offset, expected = self.offset, self.expected_depth

        def run(values: Row) -> None:
            score = values[SCORES][0]
            decision = (score if expected is None else isolation(score, expected)) - offset
            values[DECISION] = decision
            values[PREDICTION] = -1 if decision < 0.0 else 1

        return run

    def batch(self, columns: Columns) -> None:
        """Judge a batch."""
        scores, expected = columns[SCORES][:, 0], self.expected_depth
        if expected is not None:  # numpy's vector power may differ from the C library's by the last bit
            scores = np.array([isolation(score, expected) for score in scores.tolist()], np.float64)
        columns[DECISION] = scores - self.offset
        columns[PREDICTION] = np.where(columns[DECISION] < 0.0, -1, 1)

    def makes(self) -> frozenset[str]:
        """Make the prediction and the decision."""
        return frozenset({PREDICTION, DECISION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the score."""
        return (after - self.makes()) | {SCORES}


def isolation(depth: float, expected: float) -> float:
    """Return the score of a depth among isolation trees: -1 isolated at once, towards 0 not at all."""
    return float(-(2.0 ** -(depth / expected))) if expected else -0.5
