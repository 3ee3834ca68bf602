"""Operations that find missing values, or fill them from rows that are alike: missing_flags, knn_impute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    as_float,
    is_null,
    operation,
    same_length,
    widened,
)

_BLOCK = 100_000
"""Distances that are computed at once: what a processor keeps near."""


@operation
@dataclass(frozen=True)
class MissingFlags(Op):
    """Write for each column whether it is null, as a boolean, to the output beside it."""

    op: ClassVar[str] = "missing_flags"
    columns: tuple[str, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        same_length("missing_flags", columns=self.columns, outputs=self.outputs)

    def row_function(self) -> RowFunction:
        """Flag one row."""
        pairs = tuple(zip(self.columns, self.outputs, strict=True))

        def run(values: Row) -> None:
            for name, output in pairs:
                value = values[name]
                values[output] = value is None or value != value

        return run

    def batch(self, columns: Columns) -> None:
        """Flag columns."""
        columns.update(
            {output: is_null(columns[name]) for name, output in zip(self.columns, self.outputs, strict=True)}
        )

    def makes(self) -> frozenset[str]:
        """Make the flags."""
        return frozenset(self.outputs)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Keep the flags that are needed."""
        kept = [(old, new) for old, new in zip(self.columns, self.outputs, strict=True) if new in after]
        return replace(self, columns=tuple(o for o, _ in kept), outputs=tuple(n for _, n in kept)) if kept else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the columns of the flags that are needed."""
        return (after - self.makes()) | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No flag is ever null."""
        origins.update(dict.fromkeys(self.outputs, frozenset()))
        return frozenset()


@operation
@dataclass(frozen=True, eq=False)
class KnnImpute(Op):
    """Fill the nulls of a row by the mean of its nearest rows in `matrix` (one column per column, NaN for null).

    The distance of two rows is `sqrt(sum of (x - y)^2 over the columns that both have / their number * all columns)`.
    For each null the donors are the rows that have that column, at a finite distance; the `n_neighbors` nearest of
    them (of equals the first) are averaged, with weight 1 (`uniform`) or 1/distance (`distance`; where some are at
    distance 0, these alone). Without a donor the column's mean in the matrix is taken. All nulls of a row are filled
    from what the row had before.
    """

    op: ClassVar[str] = "knn_impute"
    columns: tuple[str, ...]
    matrix: NDArray[np.float64]
    n_neighbors: int
    weights: Literal["uniform", "distance"] = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.asarray(self.matrix, np.float64))
        if self.matrix.ndim != 2 or self.matrix.shape[1] != len(self.columns):
            raise ValueError(f"knn_impute: shape {self.matrix.shape} for {len(self.columns)} columns")
        if np.isnan(self.matrix).all(axis=0).any() or self.n_neighbors < 1:
            raise ValueError("knn_impute: a column without a value, or no neighbours")
        if self.weights not in ("uniform", "distance"):
            raise ValueError(f"knn_impute: weights {self.weights!r}")

    @cached_property
    def _donors(self) -> Donors:
        return Donors(self.matrix, self.n_neighbors, by_distance=self.weights == "distance")

    def row_function(self) -> RowFunction:
        """Fill one row."""
        columns, donors = self.columns, self._donors

        def run(values: Row) -> None:
            row = [values[name] for name in columns]
            if not any(value is None or value != value for value in row):
                values.update([(name, widened(value)) for name, value in zip(columns, row, strict=True)])
                return
            block = np.array([[np.nan if value is None else value for value in row]], np.float64)
            filled = donors.fill(block)[0].tolist()
            for name, value, new in zip(columns, row, filled, strict=True):
                values[name] = new if value is None or value != value else widened(value)

        return run

    def batch(self, columns: Columns) -> None:
        """Fill columns, some rows at a time."""
        matrix = np.column_stack([as_float(columns[name]) for name in self.columns])
        rows = np.flatnonzero(np.isnan(matrix).any(axis=1))
        for some in blocks(rows, len(self.matrix)):
            matrix[some] = self._donors.fill(matrix[some])
        columns.update(zip(self.columns, np.ascontiguousarray(matrix.T), strict=True))

    def makes(self) -> frozenset[str]:
        """Change all of the columns."""
        return frozenset(self.columns)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need all of the columns: each says which rows are near."""
        return after | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No null passes."""
        origins.update(dict.fromkeys(self.columns, frozenset()))
        return frozenset()


class Donors:
    """The rows that values are taken from, laid out for the search."""

    def __init__(self, matrix: NDArray[np.float64], n_neighbors: int, *, by_distance: bool) -> None:
        missing = np.isnan(matrix)
        self.columns = np.ascontiguousarray(matrix.T)
        self.holes = [np.flatnonzero(missing[:, k]) for k in range(matrix.shape[1])]
        self.present = np.ascontiguousarray(~missing.T, np.float64)
        self.rows = [np.flatnonzero(~missing[:, k]) for k in range(matrix.shape[1])]
        self.means = np.array([values[~np.isnan(values)].mean() for values in self.columns])
        self.n_neighbors, self.by_distance = n_neighbors, by_distance

    def fill(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return some rows without NaN."""
        missing = np.isnan(block)
        distances = self._distances(block, missing)
        filled = block.copy()
        for k in np.flatnonzero(missing.any(axis=0)).tolist():
            rows, donors = np.flatnonzero(missing[:, k]), self.rows[k]
            near = distances[np.ix_(rows, donors)] if len(donors) < distances.shape[1] else distances[rows]
            chosen = nearest(near, self.n_neighbors)
            weights = self._weights(np.take_along_axis(near, chosen, axis=1))
            values = self.columns[k, donors[chosen]]
            total = weights.sum(axis=1)
            with np.errstate(invalid="ignore"):
                filled[rows, k] = np.where(total > 0.0, (values * weights).sum(axis=1) / total, self.means[k])
        return filled

    def _distances(self, block: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
        total = np.zeros((len(block), self.columns.shape[1]))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for k, column in enumerate(self.columns):
                part = block[:, k, None] - column
                part *= part
                part[:, self.holes[k]] = 0.0
                part[missing[:, k]] = 0.0
                total += part
            common = (~missing).astype(np.float64) @ self.present
            total /= common
            total *= len(self.columns)
            np.sqrt(total, out=total)
        total[~np.isfinite(total)] = np.inf
        return total

    def _weights(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        finite = np.isfinite(distances)
        if not self.by_distance:
            return finite.astype(np.float64)
        with np.errstate(divide="ignore"):
            weights = 1.0 / distances
        same = np.isinf(weights)
        return np.where(same.any(axis=1, keepdims=True), same.astype(np.float64), weights)


def nearest(distances: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return, per row, the positions of the smallest distances in ascending order; of equals the first are taken."""
    rows, width = distances.shape
    if width <= count:
        return np.tile(np.arange(width), (rows, 1))
    edge = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
    within = distances <= edge
    ties = np.flatnonzero(within.sum(axis=1) != count)
    for row in ties.tolist():
        within[row] = False
        within[row, np.argsort(distances[row], kind="stable")[:count]] = True
    return np.nonzero(within)[1].reshape(rows, count)


def blocks(rows: NDArray[np.int64], donors: int) -> Iterator[NDArray[np.int64]]:
    """Yield some rows after others, so that the distances to all donors stay small."""
    size = max(1, _BLOCK // max(1, donors))
    for begin in range(0, len(rows), size):
        yield rows[begin : begin + size]
