"""The leaves of a batch in planes of bits: a byte holds one answer, left or right, of eight rows.

Each comparison of the trees is made once for all rows, and packed. Which rows reach a node is then one `and` of its
parent's rows and answers, and a leaf's number, counted from left to right in its tree, is read bit by bit: the rows
that reach the nodes below which this bit is set.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.walk import Layout, Leaves, Trees

Words: TypeAlias = NDArray[np.uint64]

_CHUNK = 4_096
_NODES_AT_ONCE = 4_096
_MOST_NODES = 768
"""Of a tree, on average: larger ones are walked more quickly."""
_FEW_CUTS = 24
"""Up to so many are compared one by one."""


class _Cuts:
    """All thresholds of one feature; with `nulls_left` a null is below each of them."""

    def __init__(self, key: int, width: int, thresholds: NDArray[np.float64]) -> None:
        self.feature, self.nulls_left = key % width, key >= width
        self.values = np.unique(thresholds)

    def ranks(self, block: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the first threshold that each row is at most, or their number."""
        column = block[self.feature]
        ranks: NDArray[np.int64] = self.values.searchsorted(column)
        ranks[np.isnan(column)] = 0 if self.nulls_left else len(self.values)
        return ranks


class _Group(NamedTuple):
    """Some trees, and what their comparisons and leaf numbers are made of."""

    cuts: list[tuple[int, NDArray[np.int64], slice]]
    """Keys of features, the places of their thresholds in this group by rank, and where these are."""
    levels: list[tuple[slice, NDArray[np.int64], NDArray[np.int64]]]
    """For each level but the last: the nodes below it, and of its inner nodes places and thresholds."""
    nodes: int
    plane_nodes: NDArray[np.int64]
    plane_starts: NDArray[np.int64]
    planes: int
    first: NDArray[np.int64]


class LeafPlanes:
    """The leaf of each tree for many rows."""

    chunk = _CHUNK

    def __init__(self, trees: Trees, width: int) -> None:
        whole = Layout.of(trees)
        keys = whole.feature + width * whole.missing_left
        inner = whole.leaf < 0
        self._cuts = {
            key: _Cuts(key, width, whole.threshold[inner & (keys == key)]) for key in np.unique(keys[inner]).tolist()
        }
        count = len(trees.roots)
        at_once = min(max(1, _NODES_AT_ONCE * count // len(whole.leaf)), count)
        self._groups: list[_Group] = []
        leaves = 0
        for begin in range(0, count, at_once):
            layout = Layout.of(trees._replace(roots=trees.roots[begin : begin + at_once]))
            self._groups.append(self._group(layout, width, leaves))
            leaves += len(layout.order)

    @staticmethod
    def suits(layout: Layout) -> bool:
        """Say whether the trees are small enough."""
        trees: int = layout.levels[0].stop
        return 0 < len(layout.leaf) <= _MOST_NODES * trees

    def _group(self, layout: Layout, width: int, leaves: int) -> _Group:
        inner = np.flatnonzero(layout.leaf < 0)
        keys = layout.feature[inner] + width * layout.missing_left[inner]
        place, cuts, end = np.zeros(len(layout.leaf), np.int64), [], 0
        for key in np.unique(keys).tolist():
            own, every = inner[keys == key], self._cuts[key].values
            used = np.unique(layout.threshold[own])
            place[own] = end + np.searchsorted(used, layout.threshold[own])
            by_rank = np.append(np.searchsorted(used, every), len(used))
            cuts.append((key, by_rank, slice(end, end + len(used))))
            end += len(used)
        levels = []
        for level, below in zip(layout.levels, layout.levels[1:], strict=False):
            parents = np.flatnonzero(layout.leaf[level] < 0) + level.start
            levels.append((below, parents, place[parents]))
        nodes, starts, planes = _planes(layout)
        first = layout.first[layout.levels[0]] + leaves
        return _Group(cuts, levels, len(layout.leaf), nodes, starts, planes, first[:, None])

    def leaves(self, block: NDArray[np.float64]) -> Leaves:
        """Return the leaf of each row in each tree (rows x trees); at most `chunk` rows."""
        columns = np.ascontiguousarray(block.T)
        ranks = {key: cuts.ranks(columns) for key, cuts in self._cuts.items()}
        rows = len(block)
        found = np.empty((sum(len(group.first) for group in self._groups), rows), np.int64)
        byte, bit = np.arange(rows) >> 3, (128 >> (np.arange(rows) & 7)).astype(np.uint8)
        end = 0
        for group in self._groups:
            numbers = self._numbers(group, self._answers(group, ranks, byte, bit), rows)
            np.add(numbers, group.first, out=found[end : end + len(numbers)])
            end += len(numbers)
        return found.T

    @staticmethod
    def _answers(
        group: _Group, ranks: dict[int, NDArray[np.int64]], byte: NDArray[np.int64], bit: NDArray[np.uint8]
    ) -> Words:
        """Return for each threshold the rows at or below it."""
        size = group.cuts[-1][2].stop if group.cuts else 0
        table = np.zeros((size, _words(len(bit))), np.uint64)
        for key, by_rank, places in group.cuts:
            own, part = by_rank.take(ranks[key]), table[places]
            packed = part.view(np.uint8)
            if len(part) <= _FEW_CUTS:
                for number in range(len(part)):
                    answers = np.packbits(own <= number)
                    packed[number, : len(answers)] = answers
                continue
            below = np.flatnonzero(own < len(part))
            # a bit is set once, so that adding is the same as `or`, and there it is quicker
            np.add.at(packed.reshape(-1), own[below] * packed.shape[1] + byte[below], bit[below])
            np.bitwise_or.accumulate(part, axis=0, out=part)
        return table

    @staticmethod
    def _numbers(group: _Group, answers: Words, rows: int) -> NDArray[Any]:
        """Return the number of each row's leaf in each tree (trees x rows)."""
        trees, width = len(group.first), _words(rows)
        reached = np.empty((group.nodes + 1, width), np.uint64)
        reached[:trees], reached[-1] = ~np.uint64(0), 0
        for below, parents, places in group.levels:
            came = reached.take(parents, axis=0)
            children = reached[below].reshape(len(parents), 2, width)
            left = answers.take(places, axis=0)
            np.bitwise_and(left, came, out=left)
            children[:, 0] = left
            np.bitwise_xor(left, came, out=children[:, 1])
        if not group.planes:
            return np.zeros((trees, rows), np.uint8)
        packed = np.bitwise_or.reduceat(reached.take(group.plane_nodes, axis=0), group.plane_starts, axis=0)
        bits = np.unpackbits(packed.view(np.uint8), axis=1, count=rows).reshape(group.planes, trees, rows)
        numbers: NDArray[Any] = bits[-1].astype(np.min_scalar_type(2**group.planes - 1))
        for plane in bits[-2::-1]:
            numbers += numbers
            numbers += plane
        return numbers


def _words(rows: int) -> int:
    return (rows + 63) >> 6


def _planes(layout: Layout) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Return the nodes whose rows have a bit set in the number of their leaf, by bit and tree, and where each begins.

    A node stands for all leaves below it; where a tree has none for a bit, the node after the last does, which no row
    reaches. The last is the number of bits.
    """
    trees, level = layout.levels[0].stop, layout.levels[0]
    low = layout.first - layout.first[level][layout.tree]
    high = low + layout.below - 1
    planes = int(layout.below[level].max() - 1).bit_length()
    parent = np.full(len(low), -1)
    inner = np.flatnonzero(layout.leaf < 0)
    parent[layout.right[inner]] = parent[layout.right[inner] - 1] = inner
    nodes, trees_of = [], []
    for plane in range(planes):
        whole = ((low >> plane) == (high >> plane)) & ((low >> plane) & 1).astype(np.bool_)
        chosen = np.flatnonzero(whole & ~(whole[parent] & (parent >= 0)))
        nodes += [chosen, np.full(trees, len(low))]
        trees_of += [plane * trees + layout.tree[chosen], plane * trees + np.arange(trees)]
    if not planes:
        return np.empty(0, np.int64), np.empty(0, np.int64), 0
    owner, node = np.concatenate(trees_of), np.concatenate(nodes)
    order = np.argsort(owner, kind="stable")
    return node[order], np.searchsorted(owner[order], np.arange(planes * trees)), planes
