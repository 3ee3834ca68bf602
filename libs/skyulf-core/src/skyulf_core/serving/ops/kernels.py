"""Support vector machines: the kernel_machine operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, operation
from skyulf_core.serving.ops.distances import blocks
from skyulf_core.serving.ops.linear import SCORES, out_of_range
from skyulf_core.serving.ops.matrices import feature_row, features_matrix, nulls_refused

KERNELS = ("linear", "poly", "rbf", "sigmoid")
_ROUNDING = 1e-10
"""How far a sum may be off, by the sum of its weights, for the order of adding."""
_NEAR = 1e-6
"""Sums that are so small by the sum of their weights have lost too many digits to be added in any order."""


@operation
@dataclass(frozen=True, eq=False)
class KernelMachine(Op):
    """Weighted sums of a kernel between the row and stored vectors.

    `kernel`: `linear` x·v, `poly` `(gamma x·v + coef0)^degree`, `rbf` `exp(-gamma |x - v|²)`, `sigmoid`
    `tanh(gamma x·v + coef0)`; sums run in any order (1e-9). Without `counts` score k is the sum over the vectors of
    `coefficients[k] * kernel`, and `intercepts[k]` last. With `counts` (vectors of each class, in their order, three
    classes or more) each pair of classes i < j, in lexical order, has a value: the sum over the vectors of class i of
    `coefficients[j - 1] * kernel`, the same over those of class j with `coefficients[i]`, and its intercept. Above 0
    it is a vote for i, else for j. Score i is the votes of i plus `s / (3 (|s| + 1))`, s being the sum of the values of
    the pairs with i, each negative where i is the second.
    """

    op: ClassVar[str] = "kernel_machine"
    features: tuple[str, ...]
    vectors: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    counts: tuple[int, ...] = ()
    kernel: Literal["linear", "poly", "rbf", "sigmoid"] = "rbf"
    gamma: float = 1.0
    coef0: float = 0.0
    degree: int = 3

    def __post_init__(self) -> None:
        for name in ("vectors", "coefficients", "intercepts"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        if self.kernel not in KERNELS:
            raise ValueError(f"kernel_machine: kernel {self.kernel!r}")
        total, classes = len(self.vectors), len(self.counts)
        wanted = (len(self.intercepts), total) if not classes else (classes - 1, total)
        if self.vectors.shape != (total, len(self.features)) or self.coefficients.shape != wanted:
            raise ValueError(f"kernel_machine: shapes {self.vectors.shape}, {self.coefficients.shape}")
        pairs = classes * (classes - 1) // 2
        if classes and (sum(self.counts) != total or min(self.counts) < 0 or len(self.intercepts) != pairs):
            raise ValueError(f"kernel_machine: {self.counts} vectors of classes, {len(self.intercepts)} intercepts")

    @cached_property
    def _columns(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.vectors.T)

    @cached_property
    def _parts(self) -> tuple[slice, ...]:
        ends = np.cumsum(self.counts).tolist()
        return tuple(slice(end - count, end) for end, count in zip(ends, self.counts, strict=True))

    def row_function(self) -> RowFunction:
        """Score one row."""
        names, columns, few = self.features, self._columns, len(self.vectors) < 2

        def run(values: Row) -> None:
            row = feature_row(values, names)
            with np.errstate(over="ignore", invalid="ignore"):
                # sums run over features in order, as in a batch; numpy adds otherwise for one vector alone
                kernel = self._kernel(self._sums(row[None, :]) if few else self._row_sums(columns, row))
                scores = self._scores(kernel)[0]
            if not np.isfinite(scores).all():
                raise OpError([out_of_range(0)])
            values[SCORES] = scores.tolist()

        return run

    def batch(self, columns: Columns) -> None:
        """Score columns, some rows at a time, with products of matrices; rows near a border as `row` does."""
        matrix = features_matrix(columns, self.features)
        scores = np.empty((len(matrix), len(self.counts) or len(self.intercepts)))
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            for begin, end in blocks(len(matrix), len(self.vectors)):
                scores[begin:end] = self._quickly(matrix[begin:end])
        endless = np.flatnonzero(~np.isfinite(scores).all(axis=1))
        if len(endless):
            raise OpError([out_of_range(int(row)) for row in endless])
        columns[SCORES] = scores

    def _quickly(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        kernel = self._products(block)
        if kernel is None:
            return self._exactly(block)
        largest = 1.0 if self.kernel == "rbf" else float(np.abs(kernel).max(initial=0.0))
        values = self._values(kernel)
        scores = self._votes(list(values.T)) if self.counts else values
        # a sum in another order is another number in its last digits: on which side of 0 must not depend on it
        near = np.abs(values) <= _NEAR * largest * self._weight
        again = np.flatnonzero(near.any(axis=1) | ~np.isfinite(scores).all(axis=1))
        if len(again):
            scores[again] = self._exactly(block[again])
        return scores

    def _exactly(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._scores(self._kernel(self._sums(block)))

    @cached_property
    def _weight(self) -> float:
        return float(np.abs(self.coefficients).sum(axis=1).max(initial=0.0)) * max(1, len(self.counts))

    @cached_property
    def _middle(self) -> NDArray[np.float64]:
        return np.asarray(self.vectors.mean(axis=0), np.float64) if len(self.vectors) else np.zeros(len(self.features))

    @cached_property
    def _prepared(self) -> NDArray[np.float64]:
        """Return the matrix by which rows are multiplied: for `rbf` with two rows more, for what is added."""
        if self.kernel != "rbf":
            return self._columns
        with np.errstate(over="ignore", invalid="ignore"):
            centred = self.vectors - self._middle
            norms = (centred * centred).sum(axis=1)
            return np.concatenate([2.0 * self.gamma * centred.T, -self.gamma * norms[None], np.ones((1, len(norms)))])

    def _products(self, block: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the kernel by one product of matrices; None where that is not exact enough."""
        if self.kernel != "rbf":
            return self._kernel(block @ self._prepared)
        centred = block - self._middle
        own = self.gamma * (centred * centred).sum(axis=1)
        prepared = self._prepared
        reach = np.sqrt(own.max(initial=0.0)) + np.sqrt(np.abs(prepared[-2]).max(initial=0.0))
        if not reach * reach * len(self.features) * np.finfo(np.float64).eps < _ROUNDING:
            return None
        one = np.ones((len(block), 1))
        exponent = np.concatenate([centred, one, -own[:, None]], axis=1) @ prepared
        np.minimum(exponent, 0.0, out=exponent)
        return np.exp(exponent, out=exponent)

    def _values(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums, of each pair of classes where there are several."""
        if not self.counts:
            return np.asarray(kernel @ self.coefficients.T + self.intercepts, np.float64)
        sums = [kernel[:, part] @ self.coefficients[:, part].T for part in self._parts]
        pairs = [sums[i][:, j - 1] + sums[j][:, i] for i, j in combinations(range(len(self.counts)), 2)]
        return np.stack(pairs, axis=1) + self.intercepts

    def _row_sums(self, columns: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kernel == "rbf":
            parts = columns - row[:, None]
            parts *= parts
        else:
            parts = columns * row[:, None]
        return np.asarray(np.add.reduce(parts, axis=0), np.float64)[None, :]

    def _sums(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return, for some rows, squared distances to all vectors (rbf), or products with them."""
        total = np.zeros((len(block), len(self.vectors)))
        part = np.empty_like(total)
        for k, column in enumerate(self._columns):
            if self.kernel == "rbf":
                np.subtract(block[:, k, None], column, out=part)
                np.multiply(part, part, out=part)
            else:
                np.multiply(block[:, k, None], column, out=part)
            total += part
        return total

    def _kernel(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kernel == "linear":
            return sums
        if self.kernel == "rbf":
            return np.asarray(np.exp(-self.gamma * sums), np.float64)
        found = self.gamma * sums + self.coef0
        return np.asarray(np.tanh(found) if self.kernel == "sigmoid" else found**self.degree, np.float64)

    def _scores(self, kernel: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.counts:
            weighted = [(kernel * row).sum(axis=1) for row in self.coefficients]
            return np.stack(weighted, axis=1) + self.intercepts
        return self._votes(self._pairs(kernel))

    def _pairs(self, kernel: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        found = []
        for (i, j), intercept in zip(combinations(range(len(self.counts)), 2), self.intercepts, strict=True):
            one, two = self._parts[i], self._parts[j]
            value = (kernel[:, one] * self.coefficients[j - 1, one]).sum(axis=1)
            found.append(value + (kernel[:, two] * self.coefficients[i, two]).sum(axis=1) + intercept)
        return found

    def _votes(self, pairs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        votes = np.zeros((len(pairs[0]), len(self.counts)))
        sums = np.zeros_like(votes)
        for (i, j), value in zip(combinations(range(len(self.counts)), 2), pairs, strict=True):
            sums[:, i] += value
            sums[:, j] -= value
            votes[:, i] += value > 0.0
            votes[:, j] += ~(value > 0.0)
        return np.asarray(votes + sums / (3.0 * (np.abs(sums) + 1.0)), np.float64)

    def makes(self) -> frozenset[str]:
        """Make scores."""
        return frozenset({SCORES})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return nulls_refused(origins, self.features)
