"""The iterative_impute operation: each column predicted from the others, round after round."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, Origins, Row, RowFunction, as_float, operation, widened
from skyulf_core.serving.ops.forest import walk_batch
from skyulf_core.serving.ops.imputing import blocks, nearest
from skyulf_core.serving.ops.walk import Trees

Floats: TypeAlias = NDArray[np.float64]
_ARRAYS = {
    "coefficients": np.float64, "intercepts": np.float64, "feature": np.int32, "threshold": np.float64,
    "left": np.int32, "right": np.int32, "values": np.float64, "roots": np.int64, "matrix": np.float64,
    "fills": np.float64,
}  # fmt: skip


def _empty() -> NDArray[Any]:
    return np.empty(0)


class Regressors(Protocol):
    """The fitted regressors of all steps; step s predicts one column from all others."""

    def predict(self, step: int, feature: int, columns: Floats) -> Floats:
        """Return predictions for columns (columns x rows) without NaN."""

    def predict_row(self, step: int, feature: int, row: list[float]) -> float:
        """Return the prediction for one row."""


@operation
@dataclass(frozen=True, eq=False)
class IterativeImpute(Op):
    """Fill nulls with `initial`, then replace them again and again by what the other columns predict.

    `order` names the columns (by position) of one round; step s, counted over all `rounds`, predicts the column
    `order[s % len(order)]` of the rows where it was null from the row as it then stands. A prediction that is not
    finite becomes the column's initial value. By `model`:

    `linear`: `intercepts[s] + sum over columns of x * coefficients[s]`, summed in the order of the columns from 0, the
    intercept last; a column's own coefficient is 0 and is left out.
    `trees`: the average of the trees `roots[s]` (steps x trees), walked as in `tree_ensemble`.
    `neighbours`: the mean of the column over the `n_neighbors` rows of `matrix` (NaN for null) that have it and are
    nearest in the other columns (sum of squared differences; of equals the first). The nulls of `matrix`, column by
    column and row by row, are filled by `fills`: row 0 before the first round, row r after round r; at a step the
    columns that came earlier in the round are those of this round, the others those of the one before.
    """

    op: ClassVar[str] = "iterative_impute"
    columns: tuple[str, ...]
    initial: tuple[float, ...]
    order: tuple[int, ...]
    rounds: int
    model: Literal["linear", "trees", "neighbours"]
    coefficients: Floats = field(default_factory=_empty)
    intercepts: Floats = field(default_factory=_empty)
    feature: NDArray[np.int32] = field(default_factory=_empty)
    threshold: Floats = field(default_factory=_empty)
    left: NDArray[np.int32] = field(default_factory=_empty)
    right: NDArray[np.int32] = field(default_factory=_empty)
    values: Floats = field(default_factory=_empty)
    roots: NDArray[np.int64] = field(default_factory=_empty)
    matrix: Floats = field(default_factory=_empty)
    fills: Floats = field(default_factory=_empty)
    n_neighbors: int = 1

    def __post_init__(self) -> None:
        for name, dtype in _ARRAYS.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype))
        object.__setattr__(self, "initial", tuple(float(value) for value in self.initial))
        width, known = len(self.columns), range(len(self.columns))
        if len(self.initial) != width or not all(math.isfinite(value) for value in self.initial):
            raise ValueError("iterative_impute: one finite initial value per column")
        if self.rounds < 0 or not all(feature in known for feature in self.order):
            raise ValueError("iterative_impute: a step for a column that is not there")
        if self.model not in _MODELS:
            raise ValueError(f"iterative_impute: model {self.model!r}")
        self._regressors  # noqa: B018 - built now, so that a plan that does not fit together is refused now

    @cached_property
    def _regressors(self) -> Regressors:
        return _MODELS[self.model](self, self.rounds * len(self.order))

    def row_function(self) -> RowFunction:
        """Fill one row."""
        columns, initial, steps = self.columns, self.initial, self.order * self.rounds
        predict, finite = self._regressors.predict_row, math.isfinite

        def run(values: Row) -> None:
            row = [values[name] for name in columns]
            holes = {i for i, value in enumerate(row) if value is None or value != value}
            if not holes:
                values.update([(name, widened(value)) for name, value in zip(columns, row, strict=True)])
                return
            filled = [initial[i] if i in holes else float(value) for i, value in enumerate(row)]
            for step, feature in enumerate(steps):
                if feature in holes:
                    found = predict(step, feature, filled)
                    filled[feature] = found if finite(found) else initial[feature]
            values.update(zip(columns, filled, strict=True))

        return run

    def batch(self, columns: Columns) -> None:
        """Fill columns: a step works on all rows at once."""
        matrix = np.array([as_float(columns[name]) for name in self.columns])
        missing = np.isnan(matrix)
        rows = np.flatnonzero(missing.any(axis=0))
        some, holes = matrix[:, rows], missing[:, rows]
        some = np.where(holes, np.array(self.initial)[:, None], some)
        for step, feature in enumerate(self.order * self.rounds):
            where = np.flatnonzero(holes[feature])
            if len(where):
                found = self._regressors.predict(step, feature, some[:, where])
                some[feature, where] = np.where(np.isfinite(found), found, self.initial[feature])
        matrix[:, rows] = some
        columns.update(zip(self.columns, matrix, strict=True))

    def makes(self) -> frozenset[str]:
        """Change all of the columns."""
        return frozenset(self.columns)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need all of the columns: each helps to predict the others."""
        return after | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No null passes."""
        origins.update(dict.fromkeys(self.columns, frozenset()))
        return frozenset()


class _Linear:
    def __init__(self, op: IterativeImpute, steps: int) -> None:
        if op.coefficients.shape != (steps, len(op.columns)) or op.intercepts.shape != (steps,):
            raise ValueError(f"iterative_impute: shape {op.coefficients.shape} for {steps} steps")
        self._coefficients: list[list[float]] = op.coefficients.tolist()
        self._intercepts: list[float] = op.intercepts.tolist()

    def predict(self, step: int, feature: int, columns: Floats) -> Floats:
        total = np.zeros(columns.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):
            for position, coefficient in enumerate(self._coefficients[step]):
                if position != feature:
                    total += columns[position] * coefficient
            return total + self._intercepts[step]

    def predict_row(self, step: int, feature: int, row: list[float]) -> float:
        total = 0.0
        for position, coefficient in enumerate(self._coefficients[step]):
            if position != feature:
                total += row[position] * coefficient
        return total + self._intercepts[step]


class _Forests:
    def __init__(self, op: IterativeImpute, steps: int) -> None:
        if op.roots.ndim != 2 or len(op.roots) != steps or (steps and not op.roots.shape[1]):
            raise ValueError(f"iterative_impute: roots of shape {op.roots.shape} for {steps} steps")
        flat = op.roots.ravel()
        nowhere = np.zeros(len(op.feature), np.bool_)
        self._trees = Trees(
            op.feature, op.threshold, op.left, op.right, nowhere, op.values.reshape(-1, 1), flat,
            np.zeros(len(flat), np.int32),
        )  # fmt: skip
        self._trees.check(len(op.columns), 1)
        self._roots = op.roots

    def predict(self, step: int, feature: int, columns: Floats) -> Floats:
        roots = self._roots[step]
        trees = self._trees._replace(roots=roots, tree_output=np.zeros(len(roots), np.int32))
        total: Floats = walk_batch(trees, np.zeros(1), list(columns))[:, 0]
        return total / len(roots)

    def predict_row(self, step: int, feature: int, row: list[float]) -> float:
        features, thresholds, left, right, values, roots = self._lists
        total = 0.0
        for node in roots[step]:
            while (split := features[node]) >= 0:
                node = left[node] if row[split] <= thresholds[node] else right[node]
            total += values[left[node]]
        return total / len(roots[step])

    @cached_property
    def _lists(self) -> tuple[list[Any], ...]:
        trees = self._trees
        arrays = (trees.feature, trees.threshold, trees.left, trees.right, trees.values[:, 0], self._roots)
        return tuple(array.tolist() for array in arrays)


class _Neighbours:
    def __init__(self, op: IterativeImpute, steps: int) -> None:
        self._missing = np.isnan(op.matrix.T)
        if op.matrix.ndim != 2 or op.matrix.shape[1] != len(op.columns) or not 1 <= op.n_neighbors <= len(op.matrix):
            raise ValueError(f"iterative_impute: shape {op.matrix.shape}, {op.n_neighbors} neighbours")
        if op.fills.shape != (op.rounds + 1, int(self._missing.sum())) or self._missing.all(axis=1).any():
            raise ValueError(f"iterative_impute: fills of shape {op.fills.shape}")
        self._base, self._fills, self._count = np.ascontiguousarray(op.matrix.T), op.fills, op.n_neighbors
        self._place = {feature: place for place, feature in enumerate(op.order)}
        self._ends = np.cumsum(self._missing.sum(axis=1))

    def predict(self, step: int, feature: int, columns: Floats) -> Floats:
        donors = np.flatnonzero(~self._missing[feature])
        others = [k for k in range(len(columns)) if k != feature]
        table = self._table(step, others)[:, donors]
        wanted, found = self._base[feature, donors], np.empty(columns.shape[1])
        for some in blocks(np.arange(columns.shape[1]), len(donors)):
            distances = np.zeros((len(some), len(donors)))
            with np.errstate(over="ignore", invalid="ignore"):
                for column, k in zip(table, others, strict=True):
                    part = columns[k, some, None] - column
                    part *= part
                    distances += part
            distances[np.isnan(distances)] = np.inf
            found[some] = wanted[nearest(distances, self._count)].mean(axis=1)
        return found

    def predict_row(self, step: int, feature: int, row: list[float]) -> float:
        return float(self.predict(step, feature, np.array(row)[:, None])[0])

    def _table(self, step: int, others: list[int]) -> Floats:
        """Return the other columns of the training rows as they stood at a step."""
        rounds, place = divmod(step, len(self._place))
        table = self._base[others]
        for column, k in zip(table, others, strict=True):
            holes = self._missing[k]
            if holes.any():
                end = int(self._ends[k])
                done = rounds + 1 if self._place[k] < place else rounds
                column[holes] = self._fills[done, end - int(holes.sum()) : end]
        return table


_MODELS: dict[str, Callable[[IterativeImpute, int], Regressors]] = {
    "linear": _Linear, "trees": _Forests, "neighbours": _Neighbours,
}  # fmt: skip
