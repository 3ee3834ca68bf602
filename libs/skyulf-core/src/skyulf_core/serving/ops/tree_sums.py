"""From the leaves of an ensemble to its scores: sums in the order of the trees, averages, weighted medians."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.walk import Leaves, Trees

Floats = NDArray[Any]


class Adder(Protocol):
    """Combines what the leaves of the trees hold."""

    def row(self, leaves: Leaves) -> list[float]:
        """Return the scores of one row from the leaf of each tree."""

    def batch(self, leaves: Leaves) -> NDArray[np.float64]:
        """Return scores (rows x outputs) from leaves (rows x trees)."""


class SingleSums:
    """Sums of trees whose leaves hold one number for one of the outputs."""

    def __init__(self, trees: Trees, baseline: NDArray[np.float64], dtype: type[np.float32] | type[np.float64]) -> None:
        self._values = trees.values[:, 0].astype(dtype)
        self._baseline = baseline.astype(dtype)
        by_output = np.argsort(trees.tree_output, kind="stable")
        used, starts = np.unique(trees.tree_output[by_output], return_index=True)
        # a slice where an output has every k-th tree: no copy
        places = [_as_slice(found) for found in np.split(by_output, starts[1:])] if len(used) else []
        self._outputs = list(zip(used.tolist(), places, strict=True))
        self._each = trees.tree_output.tolist()

    def row(self, leaves: Leaves) -> list[float]:
        """Return the scores of one row."""
        values: Floats = self._values.take(leaves)
        scores: list[float] = self._baseline.tolist()
        for k, places in self._outputs:
            own: Floats = values[places]
            own[0] += self._baseline[k]
            # accumulate adds one after another; sum would add in pairs
            scores[k] = float(np.add.accumulate(own)[-1])
        return scores

    def batch(self, leaves: Leaves) -> NDArray[np.float64]:
        """Return scores."""
        sums = np.repeat(self._baseline[:, None], len(leaves), axis=1)
        found = np.empty(len(leaves), sums.dtype)
        for tree, output in enumerate(self._each):
            # every number is in range: `clip` is there to save a copy
            sums[output] += self._values.take(leaves[:, tree], out=found, mode="clip")
        return sums.T.astype(np.float64)


def _as_slice(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    if len(places) < 2:
        return places
    step = int(places[1] - places[0])
    regular = bool((np.diff(places) == step).all())
    return slice(int(places[0]), int(places[-1]) + 1, step) if regular else places


class VectorSums:
    """Sums of trees whose leaves hold a number per output."""

    def __init__(self, trees: Trees, baseline: NDArray[np.float64]) -> None:
        self._values, self._baseline = trees.values, baseline
        self._outputs = trees.tree_output.tolist()
        self._all_vectors = bool(self._outputs) and max(self._outputs) < 0

    @cached_property
    def _columns(self) -> Floats:
        return np.ascontiguousarray(self._values.T)

    def row(self, leaves: Leaves) -> list[float]:
        """Return the scores of one row."""
        if not self._all_vectors:
            mixed: list[float] = self.batch(leaves[None])[0].tolist()
            return mixed
        values: Floats = self._values.take(leaves, axis=0)
        values[0] += self._baseline
        found: list[float] = np.add.accumulate(values, axis=0)[-1].tolist()
        return found

    def batch(self, leaves: Leaves) -> NDArray[np.float64]:
        """Return scores."""
        sums = np.repeat(self._baseline[:, None], len(leaves), axis=1)
        found = np.empty(len(leaves))
        for tree, output in enumerate(self._outputs):
            at = np.ascontiguousarray(leaves[:, tree])
            for k, column in enumerate(self._columns) if output < 0 else [(output, self._columns[0])]:
                # every number is in range: `clip` is there to save a copy
                sums[k] += column.take(at, out=found, mode="clip")
        return sums.T.copy()


class WeightedMedian:
    """The value of the tree in the middle: the first, by value, at which half of the weights is reached."""

    def __init__(self, trees: Trees, weights: NDArray[np.float64]) -> None:
        self._values, self._weights = trees.values[:, 0], weights

    def row(self, leaves: Leaves) -> list[float]:
        """Return the score of one row."""
        found: list[float] = self.batch(leaves[None])[0].tolist()
        return found

    def batch(self, leaves: Leaves) -> NDArray[np.float64]:
        """Return scores."""
        values = self._values.take(leaves)
        order = np.argsort(values, axis=1, kind="stable")
        reached = np.add.accumulate(self._weights.take(order), axis=1)
        middle = (reached >= 0.5 * reached[:, -1:]).argmax(axis=1)
        rows = np.arange(len(values))
        found: NDArray[np.float64] = values[rows, order[rows, middle]].reshape(-1, 1)
        return found
