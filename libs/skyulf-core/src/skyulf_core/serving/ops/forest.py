"""Scoring rows and batches with the trees of an ensemble, by the way that is quickest for their number and shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.leaf_bits import LeafBits
from skyulf_core.serving.ops.leaf_planes import LeafPlanes
from skyulf_core.serving.ops.tree_sums import Adder, SingleSums
from skyulf_core.serving.ops.walk import Few, Layout, Leaves, Trees, Walk

_FEW = 24


class RowFinder(Protocol):
    """Finds the leaf of each tree for one row."""

    def row(self, row: tuple[Any, ...], *, missing: bool) -> Leaves:
        """Return the leaf of each tree for one row of numbers; `missing` says that a NaN is among them."""


class BatchFinder(Protocol):
    """Finds the leaf of each tree for many rows."""

    chunk: int

    def leaves(self, block: NDArray[np.float64]) -> Leaves:
        """Return leaves (rows x trees) of at most `chunk` rows; NaN is missing."""


class Forest:
    """Trees and the way to combine them; what finding leaves needs is made when it is needed first."""

    def __init__(self, trees: Trees, combine: Callable[[Trees], Adder], width: int) -> None:
        self._trees, self._combine, self._width = trees, combine, width

    @cached_property
    def _layout(self) -> Layout:
        return Layout.of(self._trees)

    @cached_property
    def _adder(self) -> Adder:
        return self._combine(self._trees._replace(values=self._trees.values[self._layout.order]))

    @cached_property
    def _walk(self) -> Walk:
        return Walk(self._layout, self._width)

    @cached_property
    def _row_finder(self) -> RowFinder:
        if len(self._trees.roots) <= _FEW:
            return Few(self._layout, self._width)
        return LeafBits(self._layout) if LeafBits.suits(self._layout) else self._walk

    @cached_property
    def _batch_finder(self) -> BatchFinder:
        return LeafPlanes(self._trees, self._width) if LeafPlanes.suits(self._layout) else self._walk

    def row(self, row: tuple[Any, ...], *, missing: bool) -> list[float]:
        """Return the scores of one row of numbers; `missing` says that a NaN is among them."""
        return self._adder.row(self._row_finder.row(row, missing=missing))

    def batch(self, matrix: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return scores (rows x outputs) for feature columns; NaN is missing."""
        rows, chunk = len(matrix[0]) if matrix else 0, self._batch_finder.chunk
        parts = [self._adder.batch(np.empty((0, len(self._trees.roots)), np.int64))]
        for begin in range(0, rows, chunk):
            block = np.stack([column[begin : begin + chunk] for column in matrix]).T
            parts.append(self._adder.batch(self._batch_finder.leaves(block)))
        return np.concatenate(parts)


def walk_batch(
    trees: Trees, baseline: NDArray[np.float64], matrix: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the sums (rows x outputs) of trees with one number a leaf; NaN is missing."""
    return Forest(trees, lambda sorted_: SingleSums(sorted_, baseline, np.float64), len(matrix)).batch(matrix)
