"""Walking trees: from feature values to the leaf of each tree, for one row and for a batch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Nested: TypeAlias = Any
Leaves: TypeAlias = NDArray[np.int64]
_CHUNK = 4_096
_FULL_LEVELS = 9
_COMPACT_EVERY = 4


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
        count, inner = sizes.pop(), self.feature >= 0
        if len(self.roots) and (self.roots.min() < 0 or self.roots.max() >= count):
            raise ValueError("tree_ensemble: a root that is not there")
        self._check_children(np.flatnonzero(inner), count)
        if count and self.feature.max() >= n_features:
            raise ValueError("tree_ensemble: a feature that is not there")
        if np.isnan(self.threshold[inner]).any():
            raise ValueError("tree_ensemble: a threshold that is not a number")
        leaves = self.left[~inner]
        if len(leaves) and (leaves.min() < 0 or leaves.max() >= len(self.values)):
            raise ValueError("tree_ensemble: a leaf without a value")
        single = self.tree_output >= 0
        if (self.tree_output >= n_outputs).any() or (not single.all() and self.values.shape[1] != n_outputs):
            raise ValueError("tree_ensemble: an output that is not there")

    def _check_children(self, inner: NDArray[np.int64], count: int) -> None:
        children = np.stack([self.left[inner], self.right[inner]])
        # a child after its parent: no walk can turn in a circle
        if children.size and ((children <= inner).any() or children.max() >= count):
            raise ValueError("tree_ensemble: a child must come after its parent")
        # one parent: else a few nodes could stand for a tree without end
        if len(np.unique(np.append(children, self.roots))) != children.size + len(self.roots):
            raise ValueError("tree_ensemble: a node with two parents")


class Layout(NamedTuple):
    """The nodes of trees level by level, siblings side by side: a left child is at `right - 1`.

    Leaves are numbered tree after tree, in each from left to right.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    leaf: NDArray[np.int64]
    """At a leaf its number, else -1."""
    tree: NDArray[np.int64]
    levels: list[slice]
    first: NDArray[np.int64]
    """The number of the first leaf below a node."""
    below: NDArray[np.int64]
    """How many leaves are below a node; of a leaf 1."""
    order: NDArray[np.int64]
    """Of each leaf, by its number, the row in `values`."""

    @classmethod
    def of(cls, trees: Trees) -> Layout:
        """Return the nodes that can be reached from the roots."""
        level, tree = trees.roots.astype(np.int64), np.arange(len(trees.roots))
        orders, owners, slices, rights, end = [level], [tree], [slice(0, len(level))], [], len(level)
        while True:
            inner = trees.feature[level] >= 0
            rights.append(np.where(inner, end - 1 + 2 * np.cumsum(inner), 0))
            parents, tree = level[inner], np.repeat(tree[inner], 2)
            if not len(parents):
                break
            level = np.stack([trees.left[parents], trees.right[parents]], axis=1).ravel().astype(np.int64)
            slices.append(slice(end, end + len(level)))
            end += len(level)
            orders.append(level)
            owners.append(tree)
        order, right = np.concatenate(orders), np.concatenate(rights)
        feature = trees.feature[order].astype(np.int64)
        first, count = _numbered(feature >= 0, right, slices)
        leaf = np.where(feature < 0, first, -1)
        rows = np.empty(int((feature < 0).sum()), np.int64)
        rows[leaf[feature < 0]] = trees.left[order[feature < 0]]
        missing, owner = trees.missing_left[order], np.concatenate(owners)
        return cls(feature, trees.threshold[order], right, missing, leaf, owner, slices, first, count, rows)

    @property
    def depth(self) -> int:
        """The number of steps of the longest walk."""
        return len(self.levels) - 1


def _numbered(
    is_inner: NDArray[np.bool_], right: NDArray[np.int64], levels: list[slice]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, of every node, the number of its first leaf, and how many there are below it."""
    count = np.ones(len(right), np.int64)
    parents = [np.flatnonzero(is_inner[level]) + level.start for level in levels]
    for inner in reversed(parents):
        count[inner] = count[right[inner]] + count[right[inner] - 1]
    first, roots = np.zeros(len(right), np.int64), levels[0]
    first[roots] = np.cumsum(count[roots]) - count[roots]
    for inner in parents:
        first[right[inner] - 1] = first[inner]
        first[right[inner]] = first[inner] + count[right[inner] - 1]
    return first, count


class _Space(NamedTuple):
    """The values of a block, where each row begins in them, and room for what one step computes."""

    offsets: NDArray[np.int64]
    flat: NDArray[np.float64]
    at: NDArray[np.int64]
    value: NDArray[np.float64]
    cut: NDArray[np.float64]
    below: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: int, values: NDArray[np.float64]) -> _Space:
        offsets = np.arange(rows) * values.shape[1]
        room = np.empty(rows, np.int64), np.empty(rows), np.empty(rows), np.empty(rows, np.bool_)
        return cls(offsets, values.ravel(), *room)

    def some(self, rows: NDArray[np.int64]) -> _Space:
        n = len(rows)
        return _Space(self.offsets.take(rows), self.flat, self.at[:n], self.value[:n], self.cut[:n], self.below[:n])


class Walk:
    """All trees in step, for one row; or all rows in step, tree after tree, for a batch.

    There are two copies of the features: NaN in the first goes right, as it compares false; in the second it is
    -inf and goes left. A node reads the copy that its direction of nulls asks for. A leaf leads to itself.
    """

    chunk = _CHUNK

    def __init__(self, layout: Layout, width: int) -> None:
        leaf = layout.leaf >= 0
        self._width = width
        self._feature = np.where(leaf, 0, layout.feature)
        self._with_nulls = self._feature + width * (layout.missing_left | leaf)
        self._threshold = np.where(leaf, np.inf, layout.threshold)
        self._right = np.where(leaf, np.arange(1, len(leaf) + 1), layout.right)
        self._leaf = layout.leaf
        self._roots = np.arange(layout.levels[0].stop)
        self._depths = np.zeros(len(self._roots), np.int64)
        for depth, level in enumerate(layout.levels):
            self._depths[layout.tree[level]] = depth
        self._depth = layout.depth

    @cached_property
    def _nodes(self) -> NDArray[np.int64]:
        """What a step reads of a node, side by side: feature, feature with nulls, bits of the threshold, right."""
        return np.stack([self._feature, self._with_nulls, self._threshold.view(np.int64), self._right], axis=1)

    def row(self, row: Sequence[Any], *, missing: bool) -> Leaves:
        """Return the leaf of each tree."""
        values = np.array(row, np.float64)
        values = self._both(values) if missing else values
        nodes, leaf, node = self._nodes, self._leaf, self._roots.copy()
        at = np.empty((len(node), 4), np.int64)  # every step writes here again; `clip` only saves a copy
        feature, threshold, right = at[:, int(missing)], at.view(np.float64)[:, 2], at[:, 3]
        ahead = min(self._depth, _FULL_LEVELS)
        while True:
            for _ in range(ahead):
                nodes.take(node, axis=0, out=at, mode="clip")
                np.subtract(right, values.take(feature) <= threshold, out=node)
            found = leaf.take(node)
            if not len(found) or found.min() >= 0:
                return found
            ahead = _COMPACT_EVERY

    def leaves(self, block: NDArray[np.float64]) -> Leaves:
        """Return the leaf of each row in each tree (rows x trees); at most `chunk` rows."""
        missing = bool(np.isnan(block).any())
        feature = self._with_nulls if missing else self._feature
        values = self._both(block) if missing else block
        space = _Space.of(len(block), values)
        found = np.empty((len(block), len(self._roots)), np.int64, order="F")
        for tree, depth in enumerate(self._depths.tolist()):
            node = np.full(len(block), tree)
            found[:, tree] = self._leaf.take(self._ends(node, min(depth, _FULL_LEVELS), feature, space))
        return found

    def _ends(
        self, node: NDArray[np.int64], ahead: int, feature: NDArray[np.int64], space: _Space
    ) -> NDArray[np.int64]:
        """Return where the rows end in one tree; after some steps each, rows that have reached a leaf are left out."""
        whole, rows = node, None
        while True:
            node = self._steps(node, ahead, feature, space)
            active = np.flatnonzero(self._leaf.take(node) < 0)
            if rows is None:
                whole, rows = node, active
            else:
                whole[rows] = node
                rows = rows.take(active)
            if not len(active):
                return whole
            node, space, ahead = node.take(active), space.some(active), _COMPACT_EVERY

    def _steps(
        self, node: NDArray[np.int64], steps: int, feature: NDArray[np.int64], space: _Space
    ) -> NDArray[np.int64]:
        """Return the nodes after some steps. All numbers are in range: `clip` is there to save a copy, not to cut."""
        threshold, right, other = self._threshold, self._right, np.empty_like(node)
        offsets, flat, at, value, cut, below = space
        for _ in range(steps):
            feature.take(node, out=at, mode="clip")
            np.add(at, offsets, out=at)
            flat.take(at, out=value, mode="clip")
            threshold.take(node, out=cut, mode="clip")
            np.less_equal(value, cut, out=below)
            right.take(node, out=other, mode="clip")
            np.subtract(other, below, out=other)
            node, other = other, node
        return node

    def _both(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([values, np.where(np.isnan(values), -np.inf, values)], axis=-1)


class Few:
    """A few trees, for one row: nested tuples `(feature, threshold, left, right)`, where a leaf is its number.

    Features count on in a second copy of the row, where nulls are -inf (see Walk).
    """

    def __init__(self, layout: Layout, width: int) -> None:
        feature = np.where(layout.missing_left, layout.feature + width, layout.feature).tolist()
        threshold, right, leaf = layout.threshold.tolist(), layout.right.tolist(), layout.leaf.tolist()
        grown: list[Nested] = leaf
        for node in range(len(feature) - 1, -1, -1):  # children come after their parents
            if leaf[node] < 0:
                child = right[node]
                grown[node] = (feature[node], threshold[node], grown[child - 1], grown[child])
        self._trees = grown[: layout.levels[0].stop]

    def row(self, row: tuple[Any, ...], *, missing: bool) -> Leaves:
        """Return the leaf of each tree."""
        values = row + (tuple(-np.inf if value != value else value for value in row) if missing else row)
        found = []
        for node in self._trees:
            while node.__class__ is tuple:
                feature, threshold, left, right = node
                node = left if values[feature] <= threshold else right
            found.append(node)
        return np.array(found, np.int64)
