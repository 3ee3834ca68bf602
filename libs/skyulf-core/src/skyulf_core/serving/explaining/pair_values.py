"""The same Shapley values of sums of trees as `tree_values`, by walking only where a row and a background row lead.

Both walk down each tree together. Where they part, the walk parts too: once with the player of the row, once with that
of the background row, and each keeps to what it has chosen. So large forests cost by their depth, not by their nodes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.explaining.numbers import Codes, Floats
from skyulf_core.serving.ops import TreeEnsemble

MOST_PLAYERS = 64
"""More players than this do not fit into a word of bits."""
_AT_ONCE = 20_000
"""So many pairs of a tree and a background row are walked at once: more would only need more memory."""

_Bits = NDArray[np.uint64]


class _Walks(NamedTuple):
    """Walks on their way: tree, node and background row of each, and the players taken from the row and from that."""

    tree: Codes
    node: Codes
    back: Codes
    own: _Bits
    others: _Bits

    def where(self, mask: NDArray[np.bool_]) -> _Walks:
        """Return some of the walks."""
        return _Walks(self.tree[mask], self.node[mask], self.back[mask], self.own[mask], self.others[mask])

    def beside(self, more: _Walks) -> _Walks:
        """Return these walks, and more of them."""
        joined = [np.concatenate(pair) for pair in zip(self, more, strict=True)]
        return _Walks(*joined)


def pair_values(
    op: TreeEnsemble, rows: Floats, background: Floats, players: Codes, count: int, weights: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Return the sums of leaves (rows x players x outputs), and of the background (outputs), as `tree_values` adds up.

    At most MOST_PLAYERS players; `weights` of a leaf by the numbers of players that open and that close it.
    """
    outputs, backs = len(op.baseline), len(background)
    found, base = np.zeros((len(rows), count, outputs)), op.baseline.astype(np.float64).copy()
    bits = np.left_shift(np.uint64(1), players.astype(np.uint64))
    step = max(1, _AT_ONCE // backs)
    for number, row in enumerate(rows):
        for begin in range(0, len(op.roots), step):
            trees = np.arange(begin, min(begin + step, len(op.roots)))
            for leaves in _leaves(op, row, background, trees, bits):
                values = leaf_values(op, leaves.node, leaves.tree) / backs
                if number == 0:
                    base += values[leaves.own == 0].sum(axis=0)
                found[number] += _added(leaves, values, count, weights)
    return found, base


def leaf_values(op: TreeEnsemble, nodes: Codes, tree: Codes) -> Floats:
    """Return what leaves add: leaves x outputs."""
    stored, output = op.values[op.left[nodes]], op.tree_output[tree]
    if len(output) and (output < 0).all():
        return np.asarray(stored, np.float64)
    found = np.zeros((len(nodes), len(op.baseline)))
    single = output >= 0
    found[np.flatnonzero(single), output[single]] = stored[single, 0]
    if not single.all():
        found[~single] = stored[~single]
    return found


def goes_left(op: TreeEnsemble, nodes: Codes, values: Floats) -> NDArray[np.bool_]:
    """Say which values go to the left of their nodes; a missing one goes where the node sends it."""
    return np.where(np.isnan(values), op.missing_left[nodes], values <= op.threshold[nodes])


def _leaves(op: TreeEnsemble, row: Floats, background: Floats, trees: Codes, bits: _Bits) -> list[_Walks]:
    """Return the walks that end, level by level."""
    backs = len(background)
    none = np.zeros(len(trees) * backs, np.uint64)
    tree, back = np.repeat(trees, backs), np.tile(np.arange(backs), len(trees))
    walks, found = _Walks(tree, op.roots[tree].astype(np.int64), back, none, none), []
    while len(walks.node):
        inner = op.feature[walks.node] >= 0
        if not inner.all():
            found.append(walks.where(~inner))
            walks = walks.where(inner)
        feature = op.feature[walks.node]
        own = _next(op, walks.node, row[feature])
        other = _next(op, walks.node, background[walks.back, feature])
        bit = bits[feature]
        apart = own != other
        free = apart & ((walks.own | walks.others) & bit == 0)
        # of two that part where the player is chosen already, the walk keeps to the choice
        node = np.where(apart & ((walks.others & bit) != 0), other, own)
        begun = walks.where(free)._replace(node=other[free])
        begun = begun._replace(others=begun.others | bit[free])
        walks = walks._replace(node=node, own=np.where(free, walks.own | bit, walks.own))
        walks = walks.beside(begun)
    return found


def _next(op: TreeEnsemble, nodes: Codes, values: Floats) -> Codes:
    return np.where(goes_left(op, nodes, values), op.left[nodes], op.right[nodes]).astype(np.int64)


def _added(leaves: _Walks, values: Floats, count: int, weights: tuple[Floats, Floats]) -> Floats:
    """Return what leaves add to each player: players x outputs."""
    p, q = np.bitwise_count(leaves.own), np.bitwise_count(leaves.others)
    plus, minus = weights[0][p, q, None] * values, weights[1][p, q, None] * values
    found = np.zeros((count, values.shape[1]))
    for player in range(count):
        bit = np.uint64(1) << np.uint64(player)
        found[player] = plus[leaves.own & bit != 0].sum(axis=0) - minus[leaves.others & bit != 0].sum(axis=0)
    return found
