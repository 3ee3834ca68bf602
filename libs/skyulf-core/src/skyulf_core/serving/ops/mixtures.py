"""Normal distributions that rows may come from: the mixture operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, as_float, operation
from skyulf_core.serving.ops.linear import (
    PROBABILITIES,
    SCORES,
    null_features,
    out_of_range,
    refuse_nulls,
    store_batch,
)
from skyulf_core.serving.ops.links import softmax


@operation
@dataclass(frozen=True, eq=False)
class Mixture(Op):
    """The logarithm of each normal distribution's density times its weight, and by softmax the probabilities.

    `score[k] = constants[k] - (sum over j of y[j] * y[j]) / 2`, where `y[j]` is the sum over i of
    `(x[i] - means[k, i]) * factors[k, i, j]`; factors that are 0 are left out. One matrix in `factors` is that of all
    distributions; a `factors` of k x n holds diagonals. Sums run in order from 0.0 on. A null feature raises.
    """

    op: ClassVar[str] = "mixture"
    features: tuple[str, ...]
    means: NDArray[np.float64]
    factors: NDArray[np.float64]
    constants: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("means", "factors", "constants"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        count, width = len(self.constants), len(self.features)
        shapes = {(count, width), (count, width, width), (1, width, width)}
        if not count or self.means.shape != (count, width) or self.factors.shape not in shapes:
            raise ValueError(f"mixture: means {self.means.shape}, factors {self.factors.shape} for {width} features")
        if not all(np.isfinite(part).all() for part in (self.means, self.factors, self.constants)):
            raise ValueError("mixture: means, factors and constants must be finite")

    def _sums(self, k: int) -> list[list[tuple[int, float]]]:
        """Return, for each sum of a distribution, the features and factors that are added."""
        if self.factors.ndim == 2:
            return [[(i, factor)] for i, factor in enumerate(self.factors[k].tolist())]
        matrix = self.factors[k if len(self.factors) > 1 else 0].T.tolist()
        return [[(i, factor) for i, factor in enumerate(column) if factor != 0.0] for column in matrix]

    def row_function(self) -> RowFunction:
        """Score one row."""
        features, score = self.features, self._diagonal() if self.factors.ndim == 2 else self._full()

        def run(values: Row) -> None:
            problems = null_features(values, features)
            if problems:
                raise OpError(problems)
            scores = score([values[name] for name in features])
            if not all(map(isfinite, scores)):
                raise OpError([out_of_range(0)])
            values[SCORES] = scores
            values[PROBABILITIES] = softmax(scores)

        return run

    def _diagonal(self) -> Callable[[Sequence[float]], list[float]]:
        """Return the scores of a row where every sum has one feature."""
        parts = [
            (tuple(zip(mean, factors, strict=True)), constant)
            for mean, factors, constant in zip(
                self.means.tolist(), self.factors.tolist(), self.constants.tolist(), strict=True
            )
        ]

        def score(row: Sequence[float]) -> list[float]:
            scores = []
            for pairs, constant in parts:
                total = 0.0
                for value, (middle, factor) in zip(row, pairs, strict=True):
                    apart = (value - middle) * factor
                    total += apart * apart
                scores.append(constant - 0.5 * total)
            return scores

        return score

    def _full(self) -> Callable[[Sequence[float]], list[float]]:
        """Return the scores of a row where the sums have several features."""
        parts = [
            (mean, self._sums(k), constant)
            for k, (mean, constant) in enumerate(zip(self.means.tolist(), self.constants.tolist(), strict=True))
        ]

        def score(row: Sequence[float]) -> list[float]:
            scores = []
            for mean, sums, constant in parts:
                centred = [value - middle for value, middle in zip(row, mean, strict=True)]
                total = 0.0
                for weighted in sums:
                    inner = 0.0
                    for i, factor in weighted:
                        inner += centred[i] * factor
                    total += inner * inner
                scores.append(constant - 0.5 * total)
            return scores

        return score

    def batch(self, columns: Columns) -> None:
        """Score columns."""
        matrix = [as_float(columns[name]) for name in self.features]
        refuse_nulls(self.features, matrix)
        scores = np.empty((len(matrix[0]) if matrix else 0, len(self.constants)), np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            for k, constant in enumerate(self.constants):
                centred = [column - middle for column, middle in zip(matrix, self.means[k], strict=True)]
                total = np.zeros(len(scores))
                for weighted in self._sums(k):
                    inner = np.zeros(len(scores))
                    for i, factor in weighted:
                        inner += centred[i] * factor
                    total += inner * inner
                scores[:, k] = constant - 0.5 * total
        endless = np.flatnonzero(~np.isfinite(scores).all(axis=1))
        if len(endless):
            raise OpError([out_of_range(int(row)) for row in endless])
        store_batch(columns, scores, "softmax")

    def makes(self) -> frozenset[str]:
        """Make scores and probabilities."""
        return frozenset({SCORES, PROBABILITIES})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return frozenset().union(*(origins.get(name, frozenset()) for name in self.features))
