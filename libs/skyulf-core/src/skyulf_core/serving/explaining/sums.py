"""The part of a plan that sums up scores, where contributions to them can be told exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skyulf_core.serving.explaining.contributions import Method, Unit
from skyulf_core.serving.explaining.numbers import Codes, Floats
from skyulf_core.serving.explaining.tree_values import PAIRED_NODES, tree_values
from skyulf_core.serving.ops.base import Columns, Op, as_float

if TYPE_CHECKING:
    from skyulf_core.serving.ops import Linear, TreeEnsemble

MOST_BACKGROUND = 100
"""So many background rows at most; fewer of large forests, and where a plan is asked from outside."""
_LARGE = ((500_000, 10), (100_000, 20))
"""So many nodes make a forest a large one, with so many background rows at most."""


@dataclass(frozen=True, eq=False)
class Sum:
    """The operation that sums up scores, the operations before it, and the answer that is made of its scores."""

    before: tuple[Op, ...]
    op: Linear | TreeEnsemble
    answer: Op

    @property
    def method(self) -> Method:
        """How contributions to it are told."""
        return "linear" if self.op.op == "linear" else "trees"

    @property
    def nodes(self) -> int:
        """How many nodes its trees have; 0 of a linear model."""
        return 0 if self.op.op == "linear" else int(self.op.feature.size)  # type: ignore[union-attr]

    @property
    def cells(self) -> int:
        """How many numbers of it are looked at for a row and a background row: nodes, or coefficients."""
        if self.op.op == "linear":
            return int(self.op.coefficients.size)  # type: ignore[union-attr]
        return min(self.nodes, len(self.op.roots) * PAIRED_NODES)  # type: ignore[union-attr]

    @property
    def background(self) -> int:
        """How many background rows it is compared with at most."""
        return next((most for nodes, most in _LARGE if self.nodes > nodes), MOST_BACKGROUND)

    def unit(self, *, labels: bool) -> Unit:
        """Return what its scores are; `labels`: those of classes."""
        if self.op.link == "identity":
            logarithm = getattr(self.answer, "link", "identity") != "identity"
            return "score" if labels else "logarithm" if logarithm else "value"
        if self.op.link == "probability":
            return "probability"
        return "log-odds" if self.op.link == "sigmoid" else "score"

    def values(self, rows: Floats, others: Floats, players: Codes, count: int) -> tuple[Floats, Floats] | None:
        """Return the values (rows x players x outputs) and the mean scores of the background (outputs).

        `players` is the player of each feature. None where trees ask about too many players on one path.
        """
        from skyulf_core.serving.ops import TreeEnsemble

        if isinstance(self.op, TreeEnsemble):
            return tree_values(self.op, rows, others, players, count)
        return _linear_values(self.op, rows, others, players, count)


def sum_of(ops: Sequence[Op]) -> Sum | None:
    """Return the sum that a plan, or a model, ends with; None where its answer is made in another way.

    Calibration and threshold come after it: they change no score.
    """
    from skyulf_core.serving.ops import Calibrate, Decide, Decode, Linear, Respond, TreeEnsemble

    if not ops or not isinstance(ops[-1], Decode | Decide | Respond):
        return None
    place = len(ops) - 2
    while place >= 0 and isinstance(ops[place], Calibrate):
        place -= 1
    op = ops[place] if place >= 0 else None
    if isinstance(op, Linear) or (isinstance(op, TreeEnsemble) and op.combine != "weighted_median"):
        return Sum(tuple(ops[:place]), op, ops[-1])
    return None


def matrix_of(columns: Mapping[str, object], ops: Sequence[Op], features: Sequence[str], rows: int) -> Floats:
    """Return the features (rows x features, nulls as NaN) that operations make of columns. Raises OpError."""
    work: Columns = dict(columns)  # type: ignore[arg-type] # columns of any type
    for op in ops:
        op.batch(work)
    matrix = np.empty((rows, len(features)), order="F")
    for place, name in enumerate(features):
        matrix[:, place] = as_float(work[name])
    return matrix


def origins_of(ops: Sequence[Op], features: Sequence[str], inputs: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the inputs that each feature is made of by these operations, in the order of the inputs."""
    needed = frozenset(features)
    for op in reversed(ops):
        live = op.restrict(needed)
        needed = needed if live is None else live.needed(needed)
    found = tuple(name for name in inputs if name in needed)
    if len(found) <= 1 or len(features) == 1:
        return [found] * len(features)  # most features have neighbours of the same origin: thousands of words, one text
    half = len(features) // 2
    return [*origins_of(ops, features[:half], inputs), *origins_of(ops, features[half:], inputs)]


def players_of(origins: Sequence[tuple[str, ...]], read: Sequence[str]) -> tuple[list[str], Codes] | None:
    """Return the names that contributions have, and the place of each feature's among them.

    None where a feature is made of several inputs: contributions to it are those of no single one.
    """
    if any(len(each) > 1 for each in origins):
        return None
    names = [*read, *sorted({each[0] for each in origins if each and each[0] not in read})]
    place = {name: number for number, name in enumerate(names)}
    # a feature without an origin is the same in every row: whose it is does not matter
    return names, np.array([place[each[0]] if each else 0 for each in origins], np.int64)


def _linear_values(op: Linear, rows: Floats, others: Floats, players: Codes, count: int) -> tuple[Floats, Floats]:
    mean = others.mean(axis=0)
    away, values = rows - mean, np.zeros((len(rows), count, len(op.intercepts)))
    for feature, player in enumerate(players.tolist()):
        values[:, player] += away[:, feature, None] * op.coefficients[:, feature]
    return values, mean @ op.coefficients.T + op.intercepts
