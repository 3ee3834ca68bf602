"""Exact Shapley values of sums of trees, in float64.

The game: players (groups of features) of a row are taken from it, the others from a background row; what the trees say
then is averaged over the background rows. A leaf is reached where all players on its path that fail for the background
row (p of them) are taken from the row, and none of those that fail for the row (q); so each of the first has
(p-1)! q! / (p+q)! of the leaf's value, each of the second - p! (q-1)! / (p+q)!, and a player that fails for both rows
closes the leaf (Lundberg et al., Nature Machine Intelligence 2020, "interventional").
"""

from __future__ import annotations

from collections.abc import Iterator
from math import factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.explaining.numbers import Codes, Floats
from skyulf_core.serving.explaining.pair_values import MOST_PLAYERS as MOST_PAIRED
from skyulf_core.serving.explaining.pair_values import goes_left, leaf_values, pair_values
from skyulf_core.serving.ops import TreeEnsemble

MOST_PLAYERS = 60
"""More players than this on one path do not fit into a word of bits."""
PAIRED_NODES = 1_500
"""So many nodes, looked at one by one, cost as much as walking one pair of rows down one tree."""
_CELLS = 4_000_000

_Bits = NDArray[np.unsignedinteger]


class _Leaves(NamedTuple):
    """Leaves of some trees: players on their paths (by slot, -1: none), rows x leaves of failing slots, values."""

    players: Codes
    fails: _Bits
    values: Floats


def tree_values(
    op: TreeEnsemble, rows: Floats, background: Floats, players: Codes, count: int
) -> tuple[Floats, Floats] | None:
    """Return the values (rows x players x outputs), and the mean score of the background (outputs).

    `players` is the player of each feature (0 … count-1). None where a path holds too many players.
    """
    outputs = len(op.baseline)
    found, base = np.zeros((len(rows), count, outputs)), op.baseline.astype(np.float64).copy()
    both = np.concatenate([rows, background])
    weights = leaf_weights(max(MOST_PLAYERS, MOST_PAIRED))
    if count <= MOST_PAIRED and _pairs_are_quicker(op, len(rows), len(background)):
        found, base = pair_values(op, rows, background, players, count, weights)
        return found * _scale(op), base * _scale(op)
    for trees in _chunks(op, len(both)):
        leaves = _leaves(op, trees, both, players, np.uint32 if count <= 32 else np.uint64)
        if leaves is None:
            return None
        own, others = leaves.fails[: len(rows)], leaves.fails[len(rows) :]
        base += (others == 0).sum(axis=0) @ leaves.values / len(background)
        for row, fails in enumerate(own):
            shares = _shares(fails, others, leaves.players, weights) / len(background)
            for slot in range(leaves.players.shape[1]):
                used = np.flatnonzero(shares[:, slot])  # few: most leaves are closed to the row
                player, part = leaves.players[used, slot], shares[used, slot]
                for output in range(outputs):
                    found[row, :, output] += np.bincount(player, part * leaves.values[used, output], minlength=count)
    return found * _scale(op), base * _scale(op)


def _pairs_are_quicker(op: TreeEnsemble, rows: int, backs: int) -> bool:
    """Say whether walking pairs of rows is quicker than looking at all nodes: so it is of few rows in large forests."""
    nodes = len(op.feature) * (rows + backs + rows * backs / 4)
    return rows * backs * len(op.roots) * PAIRED_NODES < nodes


def _scale(op: TreeEnsemble) -> float:
    return 1.0 / (float(len(op.roots)) if op.divisor is None else op.divisor) if op.combine == "average" else 1.0


def _shares(fails: _Bits, others: _Bits, players: Codes, weights: tuple[Floats, Floats]) -> Floats:
    """Return, for each leaf and slot, the sum over the background rows of the part of the leaf's value."""
    back, leaf = np.nonzero((others & fails) == 0)
    from_row, from_back = others[back, leaf], np.broadcast_to(fails, others.shape)[back, leaf]
    p, q = np.bitwise_count(from_row), np.bitwise_count(from_back)
    plus, minus = weights[0][p, q], weights[1][p, q]
    shares = np.zeros(players.shape)
    word = others.dtype.type
    for slot in range(players.shape[1]):
        bit = word(1) << word(slot)
        part = np.where(from_row & bit, plus, 0.0) - np.where(from_back & bit, minus, 0.0)
        shares[:, slot] = np.bincount(leaf, part, minlength=len(players))
    return shares


def leaf_weights(most: int) -> tuple[Floats, Floats]:
    """Return the part of a leaf for each player that opens it, and that closes it, by how many there are of both."""
    plus, minus = np.zeros((most + 1, most + 1)), np.zeros((most + 1, most + 1))
    for p in range(most + 1):
        for q in range(most + 1 - p):
            whole = factorial(p + q)
            plus[p, q] = factorial(p - 1) * factorial(q) / whole if p else 0.0
            minus[p, q] = factorial(p) * factorial(q - 1) / whole if q else 0.0
    return plus, minus


def _chunks(op: TreeEnsemble, rows: int) -> Iterator[Codes]:
    """Yield numbers of trees whose nodes, times the rows, fit into memory."""
    per_tree = max(1, len(op.feature) // max(len(op.roots), 1))
    size = max(1, _CELLS // (per_tree * rows))
    for begin in range(0, len(op.roots), size):
        yield np.arange(begin, min(begin + size, len(op.roots)))


def _leaves(
    op: TreeEnsemble, trees: Codes, matrix: Floats, players: Codes, word: type[np.unsignedinteger]
) -> _Leaves | None:
    """Walk all nodes of some trees, level by level, with the players that fail on the way to each."""
    nodes, tree = op.roots[trees].astype(np.int64), trees
    slots, fails = np.full((len(nodes), 0), -1), np.zeros((len(matrix), len(nodes)), word)
    found = []
    while len(nodes):
        feature = op.feature[nodes]
        inner = feature >= 0
        found.append(_Leaves(slots[~inner], fails[:, ~inner], leaf_values(op, nodes[~inner], tree[~inner])))
        nodes, tree, slots, fails, feature = nodes[inner], tree[inner], slots[inner], fails[:, inner], feature[inner]
        slots, slot = _entered(slots, players[feature])
        if slots.shape[1] > MOST_PLAYERS:
            return None
        left = goes_left(op, nodes, matrix[:, feature])
        bit = word(1) << slot.astype(word)
        to_left, to_right = fails | np.where(left, word(0), bit), fails | np.where(left, bit, word(0))
        nodes = np.concatenate([op.left[nodes], op.right[nodes]]).astype(np.int64)
        tree, slots, fails = np.tile(tree, 2), np.tile(slots, (2, 1)), np.concatenate([to_left, to_right], axis=1)
    width = max(part.players.shape[1] for part in found)
    padded = [np.pad(part.players, ((0, 0), (0, width - part.players.shape[1])), constant_values=-1) for part in found]
    return _Leaves(
        np.concatenate(padded),
        np.concatenate([part.fails for part in found], axis=1),
        np.concatenate([part.values for part in found]),
    )


def _entered(slots: Codes, player: Codes) -> tuple[Codes, Codes]:
    """Return the slots of each path with its next player among them, and the slot that this one has."""
    same = slots == player[:, None]
    known, used = same.any(axis=1), (slots >= 0).sum(axis=1)
    slot = np.where(known, same.argmax(axis=1) if slots.shape[1] else 0, used)
    if len(slot) and int(slot.max()) >= slots.shape[1]:
        slots = np.pad(slots, ((0, 0), (0, 1)), constant_values=-1)
    slots = slots.copy()
    slots[np.arange(len(slots)), slot] = player
    return slots, slot
