"""Models that are made of models: the ensemble operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, Origins, PlanError, Row, RowFunction, as_float, operation
from skyulf_core.serving.ops.linear import PREDICTION, PROBABILITIES, SCORES

Members: TypeAlias = tuple[tuple[Op, ...], ...]

_SOURCES = {"scores": SCORES, "probabilities": PROBABILITIES, "prediction": PREDICTION}


@operation
@dataclass(frozen=True, eq=False)
class Ensemble(Op):
    """Run models, each on its own copy of the row, and put their answers together.

    `members[m]` are the operations of model m, `takes[m]` what is read after them: `scores`, `probabilities` or
    `prediction` (a number; for a classifier the number of its class). `combine`:

    - `mean`: number by number the sum over the members, in order, of `weights[m] * value`, by the sum of the weights
      (added in order): probabilities where probabilities are taken, else the score.
    - `vote` (of `prediction`; `size` classes): the probability of class k is the sum, in order, of the weights of the
      members that predict it, by the sum of the weights.
    - `columns`: the numbers of all members, one member after the other, become the columns `outputs`; of
      probabilities of two classes only the second.
    """

    op: ClassVar[str] = "ensemble"
    name_fields: ClassVar[tuple[str, ...]] = ("members", "outputs")
    members: Members
    takes: tuple[Literal["scores", "probabilities", "prediction"], ...]
    combine: Literal["mean", "vote", "columns"] = "mean"
    weights: tuple[float, ...] = ()
    size: int = 0
    outputs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        read = [[_read(op) for op in cast("Sequence[object]", member)] for member in self.members]
        object.__setattr__(self, "members", tuple(map(tuple, read)))
        weights = self.weights or (1.0,) * len(self.members)
        object.__setattr__(self, "weights", tuple(map(float, weights)))
        if not self.members or not len(self.members) == len(self.takes) == len(self.weights):
            raise ValueError(f"ensemble: {len(self.members)} members, {len(self.takes)} takes, {len(weights)} weights")
        if not set(self.takes) <= set(_SOURCES) or self.combine not in ("mean", "vote", "columns"):
            raise ValueError(f"ensemble: takes {self.takes!r}, combine {self.combine!r}")
        if min(self.weights) < 0.0 or not 0.0 < sum(self.weights) < float("inf"):
            raise ValueError(f"ensemble: weights {self.weights!r}")
        if self.combine != "columns" and len(set(self.takes)) != 1:
            raise ValueError("ensemble: members whose answers differ in kind")
        if self.combine == "vote" and (self.size < 2 or self.takes[0] != "prediction"):
            raise ValueError(f"ensemble: a vote of {self.takes[0]!r} for {self.size} classes")

    def row_function(self) -> RowFunction:
        """Run the members on one row."""
        steps = [tuple(op.row_function() for op in member) for member in self._live]
        sources, put = [_SOURCES[take] for take in self.takes], self._row_combiner()

        def run(values: Row) -> None:
            found = []
            for member, source in zip(steps, sources, strict=True):
                own = values.copy()
                for step in member:
                    step(own)
                found.append(own[source])
            put(values, found)

        return run

    def batch(self, columns: Columns) -> None:
        """Run the members on a batch."""
        found = []
        for member, take in zip(self._live, self.takes, strict=True):
            own = dict(columns)
            for op in member:
                op.batch(own)
            answer = own[_SOURCES[take]]
            found.append(as_float(answer)[:, None] if take == "prediction" else answer)
        self._combine_batch(columns, found)

    @cached_property
    def _live(self) -> list[list[Op]]:
        """Return, for each member, the operations that its answer depends on."""
        return [self._needs(number)[0] for number in range(len(self.members))]

    def _needs(self, number: int) -> tuple[list[Op], frozenset[str]]:
        needed, kept = frozenset({_SOURCES[self.takes[number]]}), list[Op]()
        for op in reversed(self.members[number]):
            live = op.restrict(needed)
            if live is not None:
                kept.append(live)
                needed = live.needed(needed)
        return kept[::-1], needed

    def _row_combiner(self) -> Callable[[Row, list[Any]], None]:
        if self.combine == "columns":
            return self._row_columns
        return self._row_votes if self.combine == "vote" else self._row_mean

    def _row_columns(self, values: Row, found: list[Any]) -> None:
        numbers = [x for answer, take in zip(found, self.takes, strict=True) for x in _features(answer, take)]
        values.update(zip(self.outputs, numbers, strict=True))

    def _row_votes(self, values: Row, found: list[Any]) -> None:
        shares = [0.0] * self.size
        for winner, weight in zip(found, self.weights, strict=True):
            shares[int(winner)] += weight
        total = _total(self.weights)
        values[PROBABILITIES] = [share / total for share in shares]

    def _row_mean(self, values: Row, found: list[Any]) -> None:
        single = self.takes[0] == "prediction"
        sums = [0.0] * (1 if single else len(found[0]))
        for answer, weight in zip(found, self.weights, strict=True):
            for k, value in enumerate((answer,) if single else answer):
                sums[k] += weight * value
        total = _total(self.weights)
        values[self._made] = [value / total for value in sums]

    def _combine_batch(self, columns: Columns, found: list[NDArray[Any]]) -> None:
        if self.combine == "columns":
            parts = [x[:, 1:] if _halved(x.shape[1], take) else x for x, take in zip(found, self.takes, strict=True)]
            columns.update(zip(self.outputs, np.ascontiguousarray(np.concatenate(parts, axis=1).T), strict=True))
            return
        sums = np.zeros((len(found[0]), self.size if self.combine == "vote" else found[0].shape[1]))
        for answer, weight in zip(found, self.weights, strict=True):
            if self.combine == "vote":
                sums[np.arange(len(sums)), answer[:, 0].astype(np.intp)] += weight
            else:
                sums += weight * answer
        columns[self._made] = sums / _total(self.weights)

    @property
    def _made(self) -> str:
        return PROBABILITIES if self.combine == "vote" or self.takes[0] == "probabilities" else SCORES

    def makes(self) -> frozenset[str]:
        """Make scores, probabilities or columns."""
        return frozenset(self.outputs) if self.combine == "columns" else frozenset({self._made})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need what the members need. Raises PlanError for a member without an answer."""
        needed = frozenset[str]().union(*(self._needs(number)[1] for number in range(len(self.members))))
        if needed & frozenset(_SOURCES.values()):
            raise PlanError("ensemble: a member makes no answer")
        return (after - self.makes()) | needed

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse the nulls that a member refuses; what is made is never null."""
        refused = frozenset[str]()
        for member in self._live:
            own = dict(origins)
            refused = refused.union(*(op.trace(own) for op in member))
        origins.update(dict.fromkeys(self.makes(), frozenset()))
        return refused


def _read(op: object) -> Op:
    return op if isinstance(op, Op) else Op.from_dict(cast("Mapping[str, object]", op))


def _halved(numbers: int, take: str) -> bool:
    return take == "probabilities" and numbers == 2


def _features(answer: Any, take: str) -> Sequence[float]:
    if take == "prediction":
        return (float(answer),)
    return cast("Sequence[float]", answer[1:] if _halved(len(answer), take) else answer)


def _total(weights: Sequence[float]) -> float:
    total = 0.0
    for weight in weights:
        total += weight
    return total
