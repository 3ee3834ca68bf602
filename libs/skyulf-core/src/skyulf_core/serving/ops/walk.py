"""Walking trees: nested tuples for one row, arrays for a batch. All add the trees in their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Nested: TypeAlias = Any
_CHUNK = 16_384


class Trees(NamedTuple):
    """Node arrays of all trees of an ensemble (see TreeEnsemble)."""

    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.float64]
    roots: NDArray[np.int64]
    tree_output: NDArray[np.int32]

    def check(self, n_features: int, n_outputs: int) -> None:
        """Raise ValueError unless every walk stays inside the arrays and ends."""
        sizes = {len(part) for part in self[:5]}
        if len(sizes) != 1 or len(self.roots) != len(self.tree_output) or self.values.ndim != 2:
            raise ValueError("tree_ensemble: arrays of different lengths")
        count, numbers = sizes.pop(), np.arange(len(self.feature))
        leaf = self.feature < 0
        inner = ~leaf
        for child in (self.left[inner], self.right[inner]):
            # a child after its parent: no walk can turn in a circle
            if len(child) and ((child <= numbers[inner]).any() or child.max() >= count):
                raise ValueError("tree_ensemble: a child must come after its parent")
        if len(numbers) and self.feature.max() >= n_features:
            raise ValueError("tree_ensemble: a feature that is not there")
        leaves = self.left[leaf]
        if len(leaves) and (leaves.min() < 0 or leaves.max() >= len(self.values)):
            raise ValueError("tree_ensemble: a leaf without a value")
        if len(self.roots) and (self.roots.min() < 0 or self.roots.max() >= count):
            raise ValueError("tree_ensemble: a root that is not there")
        single = self.tree_output >= 0
        if (self.tree_output >= n_outputs).any() or (not single.all() and self.values.shape[1] != n_outputs):
            raise ValueError("tree_ensemble: an output that is not there")


def nested(trees: Trees) -> tuple[list[tuple[int, Nested]], bool]:
    """Return each tree with its output as nested tuples `(feature, threshold, left, right, missing_left)`.

    A leaf is a float, or a tuple of one float per output in a list.
    """
    feature, threshold = trees.feature.tolist(), trees.threshold.tolist()
    left, right, missing = trees.left.tolist(), trees.right.tolist(), trees.missing_left.tolist()
    single = bool((trees.tree_output >= 0).all())
    values: list[Any] = trees.values[:, 0].tolist() if single else trees.values.tolist()
    grown: list[Nested] = [None] * len(feature)
    for node in range(len(feature) - 1, -1, -1):  # children come after their parents
        if feature[node] < 0:
            grown[node] = values[left[node]]
        else:
            grown[node] = (feature[node], threshold[node], grown[left[node]], grown[right[node]], missing[node])
    roots = [grown[root] for root in trees.roots.tolist()]
    return list(zip(trees.tree_output.tolist(), roots, strict=True)), single


def walk_nested(
    grown: tuple[list[tuple[int, Nested]], bool], start: list[float], row: Sequence[Any], *, missing: bool
) -> list[float]:
    """Return the sums for one row of numbers; `missing` says that a NaN is among them."""
    trees, single = grown
    scores = start.copy()
    for output, node in trees:
        if missing:
            while node.__class__ is tuple:
                feature, threshold, left, right, missing_left = node
                value = row[feature]
                node = left if value <= threshold or (missing_left and value != value) else right
        else:
            while node.__class__ is tuple:
                feature, threshold, left, right, _ = node
                node = left if row[feature] <= threshold else right
        if single:
            scores[output] += node
        else:
            for k, value in enumerate(node):
                scores[k] += value
    return scores


def walk_row(trees: Trees, start: list[float], row: Sequence[Any]) -> list[float]:
    """Return the sums for one row on the arrays: all trees step down together."""
    values = np.array(row, np.float64)
    node = trees.roots.copy()
    while True:
        feature = trees.feature[node]
        inner = np.flatnonzero(feature >= 0)
        if not len(inner):
            break
        at = node[inner]
        node[inner] = _step(trees, at, values[feature[inner]])
    scores = start.copy()
    found: list[list[float]] = trees.values[trees.left[node]].tolist()
    for output, leaf in zip(trees.tree_output.tolist(), found, strict=True):
        if output >= 0:
            scores[output] += leaf[0]
        else:
            for k, value in enumerate(leaf):
                scores[k] += value
    return scores


def walk_batch(
    trees: Trees, baseline: NDArray[np.float64], matrix: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the sums (rows x outputs) for feature columns; NaN is missing."""
    rows = len(matrix[0]) if matrix else 0
    scores = np.tile(baseline, (rows, 1))
    for begin in range(0, rows, _CHUNK):
        block = np.stack([column[begin : begin + _CHUNK] for column in matrix], axis=1)
        missing = bool(np.isnan(block).any())
        part = scores[begin : begin + _CHUNK]
        for root, output in zip(trees.roots.tolist(), trees.tree_output.tolist(), strict=True):
            leaves = trees.values[_leaves(trees, root, block, missing=missing)]
            if output >= 0:
                part[:, output] += leaves[:, 0]
            else:
                part += leaves
    return scores


def _leaves(trees: Trees, root: int, block: NDArray[np.float64], *, missing: bool) -> NDArray[np.int32]:
    """Return the leaf (its row in `values`) of each row of a block in one tree."""
    width = block.shape[1]
    flat, offsets = block.ravel(), np.arange(len(block)) * width
    node = np.full(len(block), root, np.int64)
    active = np.arange(len(block))
    at = node
    while len(active):
        feature = trees.feature[at]
        inner = feature >= 0
        if not inner.all():
            active, at, feature = active[inner], at[inner], feature[inner]
        at = _step(trees, at, flat[offsets[active] + feature], missing=missing)
        node[active] = at
    return trees.left[node]


def _step(
    trees: Trees, at: NDArray[np.int64], values: NDArray[np.float64], *, missing: bool = True
) -> NDArray[np.int64]:
    go_left = values <= trees.threshold[at]
    if missing:
        go_left |= trees.missing_left[at] & np.isnan(values)
    return np.where(go_left, trees.left[at], trees.right[at]).astype(np.int64, copy=False)
