"""Trees of at most 64 leaves without walking: a node that sends a row right rules out the leaves on its left.

What is left of all rulings is one word of bits per tree, and its lowest bit is the leaf (QuickScorer; Lucchese et al.,
SIGIR 2015). The rulings of one feature are a table by the rank of its value among the thresholds, so that a row costs
one lookup per feature for many trees at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skyulf_core.serving.ops.walk import Layout, Leaves

_WORD = 64
_TREES = 128
_LARGEST_TABLES = 2**27
_BIAS = 1023
"""What the exponent of a float64 has too much."""


class _Node(NamedTuple):
    """The inner nodes, as columns."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    missing_left: NDArray[np.bool_]
    tree: NDArray[np.int64]
    kept: NDArray[Any]
    """Leaves that stay possible where the row goes right."""

    def some(self, where: NDArray[np.bool_]) -> _Node:
        columns: list[NDArray[Any]] = [column[where] for column in self]
        return _Node(*columns)


class _Block(NamedTuple):
    """Some of the trees, in one table: a row of it holds a word per tree."""

    used: list[int]
    places: NDArray[np.int64]
    """From the rank of a value (ranks of all features one after another) to a row of `table`."""
    table: NDArray[Any]
    offsets: NDArray[np.int64]
    """Of each tree, the number of its first leaf, less the bias of the exponent."""

    def lowest(self, alive: NDArray[Any], spare: NDArray[Any]) -> NDArray[np.int64]:
        """Return the leaf of each word's lowest bit; `alive` and `spare` are used up."""
        np.negative(alive, out=spare)
        alive &= spare
        found: NDArray[np.int64] = alive.astype(np.float64).view(np.int64)  # a power of 2: all in the exponent
        found >>= 52
        found += self.offsets
        return found


class LeafBits:
    """The leaf of each tree for one row, by tables of bits."""

    def __init__(self, layout: Layout) -> None:
        self._trees = layout.levels[0].stop
        self._first = layout.first[layout.levels[0]]
        nodes = _nodes(layout)
        # the shortest word that has a bit per leaf: tables are read more often than anything else
        most = int(np.bincount(layout.tree[layout.leaf >= 0]).max())
        self._word = next(kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if most <= 8 * kind().itemsize)
        nodes = nodes._replace(kept=nodes.kept.astype(self._word))
        self._used = np.unique(nodes.feature).tolist()
        self._cuts = {f: np.unique(nodes.threshold[nodes.feature == f]) for f in self._used}
        self._starts, end = {}, 0
        for feature, cuts in self._cuts.items():
            self._starts[feature] = end
            end += len(cuts) + 2  # one rank more than thresholds, and one for null
        self._ranks = end
        self._blocks = [self._block(nodes, begin) for begin in range(0, self._trees, _TREES)]
        self._lists = [(f, self._starts[f], cuts.tolist()) for f, cuts in self._cuts.items()]

    @staticmethod
    def suits(layout: Layout) -> bool:
        """Say whether the trees are small enough, and tables quicker than a walk."""
        leaf = layout.leaf >= 0
        used = len(np.unique(layout.feature[~leaf]))
        if not used or np.bincount(layout.tree[leaf]).max() > _WORD or used > 8 * layout.depth:
            return False
        words: int = len(leaf) * min(_TREES, layout.levels[0].stop)
        return 8 * words <= _LARGEST_TABLES

    def _block(self, nodes: _Node, begin: int) -> _Block:
        count = min(_TREES, self._trees - begin)
        nodes = nodes.some((nodes.tree >= begin) & (nodes.tree < begin + count))
        used = np.unique(nodes.feature).tolist()
        places = np.zeros(self._ranks, np.int64)  # row 0 rules nothing out: right for what the block does not use
        parts, end = [_all_bits((1, count), self._word)], 1
        for feature in used:
            some, every, start = nodes.some(nodes.feature == feature), self._cuts[feature], self._starts[feature]
            cuts = np.unique(some.threshold)
            parts.append(_rulings(some, cuts, begin, count))
            places[start] = end
            places[start + 1 : start + len(every) + 1] = end + np.searchsorted(cuts, every, side="right")
            places[start + len(every) + 1] = end + len(cuts) + 1
            end += len(cuts) + 2
        return _Block(used, places, np.concatenate(parts), self._first[begin : begin + count] - _BIAS)

    def row(self, row: Sequence[Any], *, missing: bool) -> Leaves:
        """Return the leaf of each tree."""
        if missing:
            ranks = [
                start + (bisect_left(cuts, row[feature]) if row[feature] == row[feature] else len(cuts) + 1)
                for feature, start, cuts in self._lists
            ]
        else:
            ranks = [start + bisect_left(cuts, row[feature]) for feature, start, cuts in self._lists]
        found = []
        for block in self._blocks:
            words = block.table.take(block.places.take(ranks), axis=0)
            alive: NDArray[Any] = np.bitwise_and.reduce(words, axis=0)
            found.append(block.lowest(alive, np.empty_like(alive)))
        return found[0] if len(found) == 1 else np.concatenate(found)


def _nodes(layout: Layout) -> _Node:
    """Return the inner nodes."""
    inner = np.flatnonzero(layout.leaf < 0)
    tree = layout.tree[inner]
    first = (layout.first[inner] - layout.first[layout.levels[0]][tree]).astype(np.uint64)
    on_the_left = layout.below[layout.right[inner] - 1].astype(np.uint64)
    ruled_out = ((np.uint64(1) << on_the_left) - np.uint64(1)) << first
    return _Node(layout.feature[inner], layout.threshold[inner], layout.missing_left[inner], tree, ~ruled_out)


def _all_bits(shape: tuple[int, int], dtype: DTypeLike) -> NDArray[Any]:
    return np.invert(np.zeros(shape, dtype))


def _rulings(nodes: _Node, cuts: NDArray[np.float64], begin: int, count: int) -> NDArray[Any]:
    """Return the leaves that one feature leaves in each tree: by its rank among `cuts`, and at the end for null."""
    table = _all_bits((len(cuts) + 2, count), nodes.kept.dtype)
    tree = nodes.tree - begin
    np.bitwise_and.at(table, (np.searchsorted(cuts, nodes.threshold) + 1, tree), nodes.kept)
    values = table[:-1]
    np.bitwise_and.accumulate(values, axis=0, out=values)
    right = ~nodes.missing_left
    np.bitwise_and.at(table, (np.full(int(right.sum()), len(cuts) + 1), tree[right]), nodes.kept[right])
    return table
