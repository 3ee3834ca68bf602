"""The nearest rows of training: the neighbors operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, operation
from skyulf_core.serving.ops.distances import Stored, blocks, smallest
from skyulf_core.serving.ops.imputing import nearest
from skyulf_core.serving.ops.linear import SCORES, model_makes, out_of_range, store_batch
from skyulf_core.serving.ops.matrices import feature_row, features_matrix, nulls_refused


@operation
@dataclass(frozen=True, eq=False)
class Neighbors(Op):
    """Average the targets of the nearest training rows.

    The distance of two rows is the sum, features in order, of `|x - y|^p`, to the power of `1/p` (`p` null: the
    largest `|x - y|`). Rows are compared before that root. Of the rows of `matrix` the `n_neighbors` nearest are taken,
    of equals the first. Their weights are 1 (`uniform`), or 1/distance (`distance`; where some are at distance 0, these
    alone with weight 1). With `outputs` 0 the score is the weighted mean of `targets`; else `targets` are numbers of
    classes, and score k is the share of the weights that class k has (`outputs` classes); the scores are probabilities.
    """

    op: ClassVar[str] = "neighbors"
    features: tuple[str, ...]
    matrix: NDArray[np.float64]
    targets: NDArray[np.float64]
    n_neighbors: int
    outputs: int = 0
    p: float | None = 2.0
    weights: Literal["uniform", "distance"] = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", np.asarray(self.matrix, np.float64))
        object.__setattr__(self, "targets", np.asarray(self.targets, np.float64))
        if self.matrix.ndim != 2 or self.matrix.shape != (len(self.targets), len(self.features)):
            raise ValueError(f"neighbors: shape {self.matrix.shape} for {len(self.features)} features")
        if not 1 <= self.n_neighbors <= len(self.targets) or self.outputs < 0:
            raise ValueError(f"neighbors: {self.n_neighbors} of {len(self.targets)} rows, {self.outputs} outputs")
        if self.weights not in ("uniform", "distance") or (self.p is not None and not self.p >= 1.0):
            raise ValueError(f"neighbors: weights {self.weights!r}, p {self.p!r}")
        if self.outputs and not np.isin(self.targets, np.arange(self.outputs)).all():
            raise ValueError("neighbors: a class that is not there")

    @property
    def _link(self) -> str:
        return "probability" if self.outputs else "identity"

    @cached_property
    def _columns(self) -> NDArray[np.float64]:
        return np.ascontiguousarray(self.matrix.T)

    def row_function(self) -> RowFunction:
        """Score one row."""
        names, columns, alone = self.features, self._columns, len(self.targets) == 1

        def run(values: Row) -> None:
            row = feature_row(values, names)
            # added column after column, as in a batch; numpy adds otherwise where there is one stored row only
            found = self._distances(row[None, :]) if alone else self._reduced(columns, row)[None, :]
            scores = self._scores(found)
            if scores is None:
                raise OpError([out_of_range(0)])
            values[SCORES] = scores[0].tolist()
            if self.outputs:
                values["@probabilities"] = list(values[SCORES])

        return run

    def batch(self, columns: Columns) -> None:
        """Score columns, some rows at a time."""
        matrix = features_matrix(columns, self.features)
        scores = np.zeros((len(matrix), max(1, self.outputs)))
        for begin, end in blocks(len(matrix), len(self.targets)):
            part = self._scored(matrix[begin:end])
            if part is None:
                found = self._distances(matrix[begin:end])
                raise OpError([out_of_range(begin + int(row)) for row in np.flatnonzero(self._too_far(found))])
            scores[begin:end] = part
        store_batch(columns, scores, self._link)

    @cached_property
    def _stored(self) -> Stored:
        return Stored(self.matrix)

    def _scored(self, block: NDArray[np.float64]) -> NDArray[np.float64] | None:
        pairs = self._stored.pairs(block, self.n_neighbors) if self.p == 2.0 else None
        if pairs is None:
            return self._scores(self._distances(block))
        chosen = smallest(pairs, pairs.squares, self.n_neighbors)
        return self._averages(pairs.stored[chosen], pairs.squares[chosen])

    def _reduced(self, columns: NDArray[np.float64], row: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances before the root of one row to all stored ones (features x rows)."""
        with np.errstate(over="ignore"):
            differences = columns - row[:, None]
            if self.p is None:
                return np.asarray(np.abs(differences, out=differences).max(axis=0), np.float64)
            return np.asarray(np.add.reduce(self._raised(differences), axis=0), np.float64)

    def _raised(self, differences: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.p == 2.0:
            return np.multiply(differences, differences, out=differences)
        np.abs(differences, out=differences)
        return differences if self.p in (1.0, None) else np.power(differences, self.p, out=differences)

    def _distances(self, block: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distances before the root of some rows to all stored ones."""
        total = np.zeros((len(block), len(self.targets)))
        part = np.empty_like(total)
        with np.errstate(over="ignore"):
            for k, column in enumerate(self._columns):
                np.subtract(block[:, k, None], column, out=part)
                self._raised(part)
                if self.p is None:
                    np.maximum(total, part, out=total)
                else:
                    total += part
        return total

    def _too_far(self, distances: NDArray[np.float64]) -> NDArray[np.bool_]:
        chosen = nearest(distances, self.n_neighbors)
        finite = np.isfinite(np.take_along_axis(distances, chosen, axis=1))
        return np.asarray(~finite.all(axis=1), np.bool_)

    def _scores(self, distances: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the scores of some rows; None where a row is too far from all others for a number."""
        chosen = nearest(distances, self.n_neighbors)
        near = np.take_along_axis(distances, chosen, axis=1)
        return self._averages(chosen, near) if np.isfinite(near).all() else None

    def _averages(self, chosen: NDArray[np.int64], near: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of some rows from the numbers of their nearest, and the distances before the root."""
        weights, targets = self._weights(near), self.targets[chosen]
        if not self.outputs:
            return np.asarray((targets * weights).sum(axis=1) / weights.sum(axis=1), np.float64)[:, None]
        shares = np.zeros((len(near), self.outputs))
        np.add.at(shares, (np.arange(len(near))[:, None], targets.astype(np.intp)), weights)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float64)

    def _weights(self, near: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.weights == "uniform":
            return np.ones_like(near)
        root = near if self.p in (1.0, None) else np.sqrt(near) if self.p == 2.0 else near ** (1.0 / (self.p or 1.0))
        with np.errstate(divide="ignore"):
            weights = 1.0 / root
        same = np.isinf(weights)
        return np.where(same.any(axis=1, keepdims=True), same.astype(np.float64), weights)

    def makes(self) -> frozenset[str]:
        """Make scores, and probabilities for a classifier."""
        return model_makes(self._link)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return nulls_refused(origins, self.features)
