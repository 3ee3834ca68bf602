"""The cluster of the nearest center: the nearest_center operation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, sqrt
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Origins, Row, RowFunction, operation
from skyulf_core.serving.ops.distances import METRICS, Metric, Stored, check_finite, distances, in_blocks, of_row
from skyulf_core.serving.ops.linear import PREDICTION, null_features, out_of_range

NOISE = -1
"""The number of no cluster."""
_PLAIN = 2_000
"""Up to so many numbers of centers are quicker in plain Python."""


@operation
@dataclass(frozen=True, eq=False)
class NearestCenter(Op):
    """Write the label of the nearest center; the first of equals wins. With `radii`, -1 beyond its center's radius.

    Distances are summed in the order of the features, in float64; a euclidean one is the root of the sum of squares.
    A null feature raises, and so does a row that is endlessly far from every center.
    """

    op: ClassVar[str] = "nearest_center"
    features: tuple[str, ...]
    centers: NDArray[np.float64]
    labels: NDArray[np.int64]
    radii: NDArray[np.float64] | None = None
    metric: Metric = "euclidean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "centers", np.atleast_2d(np.asarray(self.centers, np.float64)))
        object.__setattr__(self, "labels", np.asarray(self.labels, np.int64))
        if self.radii is not None:
            object.__setattr__(self, "radii", np.asarray(self.radii, np.float64))
        count = len(self.labels)
        if not count or self.labels.ndim != 1 or self.centers.shape != (count, len(self.features)):
            raise ValueError(f"nearest_center: shape {self.centers.shape} for {len(self.features)} features")
        if self.metric not in METRICS or (self.radii is not None and self.radii.shape != (count,)):
            raise ValueError(f"nearest_center: metric {self.metric!r}, or radii of another length")

    def row_function(self) -> RowFunction:
        """Find the center of one row: in plain Python where they are few, else on numpy."""
        if self.centers.size > _PLAIN or self.metric != "euclidean":
            return self._array_function()
        features, labels = self.features, self.labels.tolist()
        centers = tuple(tuple(center) for center in self.centers.tolist())
        radii = None if self.radii is None else self.radii.tolist()

        def run(values: Row) -> None:
            row = [values[name] for name in features]
            best, winner = inf, -1
            try:
                for index, center in enumerate(centers):
                    total = 0.0
                    for value, middle in zip(row, center, strict=True):
                        apart = value - middle
                        total += apart * apart
                    if total < best:
                        best, winner = total, index
            except TypeError:
                problems = null_features(values, features)
                if not problems:
                    raise
                raise OpError(problems) from None
            if winner < 0:
                raise OpError([out_of_range(0)])
            outside = radii is not None and sqrt(best) > radii[winner]
            values[PREDICTION] = NOISE if outside else labels[winner]

        return run

    def _array_function(self) -> RowFunction:
        def run(values: Row) -> None:
            values[PREDICTION] = int(self._labels(of_row(values, self.features), 0)[0])

        return run

    def batch(self, columns: Columns) -> None:
        """Find the centers of all rows."""
        columns[PREDICTION] = in_blocks(columns, self.features, len(self.labels), self._labels, np.int64)

    def _labels(self, block: NDArray[np.float64], first: int) -> NDArray[np.int64]:
        if self.radii is None and self.metric == "euclidean" and len(block):
            sure = self._stored.nearest(block)
            if sure is not None:
                return self.labels[sure]
        winners, nearest = self._nearest(block)
        check_finite(nearest, first)
        if self.radii is None:
            return self.labels[winners]
        if self.metric == "euclidean":
            nearest = np.sqrt(nearest)
        return np.where(nearest > self.radii[winners], NOISE, self.labels[winners])

    def _nearest(self, block: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the nearest center of each row, of equals the first, and its distance (squared, if euclidean)."""
        pairs = self._stored.pairs(block, 1) if self.metric == "euclidean" and len(block) else None
        if pairs is None:
            apart = distances(block, self.centers, self.metric, squared=True)
            winners = np.argmin(apart, axis=1)
            return winners, apart[np.arange(len(block)), winners]
        least = np.minimum.reduceat(pairs.squares, pairs.starts)
        equal = np.flatnonzero(pairs.squares == least[pairs.row])
        _, first = np.unique(pairs.row[equal], return_index=True)
        return pairs.stored[equal[first]], least

    @cached_property
    def _stored(self) -> Stored:
        return Stored(self.centers)

    def makes(self) -> frozenset[str]:
        """Make the prediction."""
        return frozenset({PREDICTION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return frozenset().union(*(origins.get(name, frozenset()) for name in self.features))
