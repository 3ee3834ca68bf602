"""Asking a plan from outside: what it says of rows, and of rows that are mixed with background rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from skyulf_core.serving.explaining.cells import Cells, cells_of_matrix
from skyulf_core.serving.explaining.contributions import Unit
from skyulf_core.serving.explaining.game_values import Says
from skyulf_core.serving.explaining.numbers import Codes, Floats, Masks
from skyulf_core.serving.ops.base import Columns, Op, PlanError, Scalar, as_float
from skyulf_core.serving.ops.linear import DECISION, PREDICTION, PROBABILITIES
from skyulf_core.serving.plan import PlanModel, answers, live_ops

JsonRows: TypeAlias = Sequence[Mapping[str, object]]


@dataclass(frozen=True, eq=False)
class Asked:
    """What a plan says of rows: answers, and the numbers (rows x classes, or one each) behind them, if any."""

    answers: list[Scalar]
    numbers: Floats | None
    unit: Unit
    classes: Sequence[Scalar]

    def __len__(self) -> int:
        return len(self.answers)

    def probability(self, row: int) -> float | None:
        """Return the probability of a row's answer, where it has one."""
        if self.unit != "probability" or self.numbers is None:
            return None
        return float(self.numbers[row, self.classes.index(self.answers[row])])

    def of(self, answer: Scalar) -> Floats:
        """Return the number of each row that explains this answer; without any, 1 for the rows that have it."""
        if self.numbers is None:
            return np.array([float(each == answer) for each in self.answers])
        return self.numbers[:, self.classes.index(answer) if self.unit == "probability" else 0]


@dataclass(frozen=True, eq=False)
class Asking:
    """Rows and, behind them, background rows in one set of columns, and the operations that answer them."""

    model: PlanModel
    columns: Columns
    names: list[str]
    rows: int
    ops: tuple[Op, ...]

    def cells(self) -> Cells:
        """Return the values of the rows, where they are features."""
        return cells_of_matrix(np.stack([self.columns[name][: self.rows] for name in self.names], axis=1), self.names)

    def says(self, row: int, said: Asked) -> Says:
        """Return the function that answers about mixtures of one row, with numbers for its own answer."""
        answer = said.answers[row]

        def asked(masks: Masks, backs: Codes) -> Floats:
            mixed = {name: column[self.rows + backs] for name, column in self.columns.items()}
            for player, name in enumerate(self.names):
                if name in mixed:
                    mixed[name][masks[:, player]] = self.columns[name][row]
            return asked_of(self.model, mixed, len(backs), self.ops).of(answer)

        return asked


def asked_of(model: PlanModel, columns: Columns, rows: int, ops: Sequence[Op] | None = None) -> Asked:
    """Run operations (by default the plan's) over checked columns. Raises OpError."""
    work = dict(columns)
    for op in model.ops if ops is None else ops:
        op.batch(work)
    labels: list[Scalar] = work[PREDICTION].tolist()
    if model.task == "classification":
        soft = PROBABILITIES in work
        return Asked(
            labels, work[PROBABILITIES] if soft else None, "probability" if soft else "share", model.classes or []
        )
    if model.task == "anomaly":
        return Asked(labels, work[DECISION].reshape(rows, 1), "score", [])
    if model.task == "clustering":
        return Asked(labels, None, "share", [])
    return Asked(labels, work[PREDICTION].astype(np.float64).reshape(rows, 1), "value", [])


def asking_of(model: PlanModel, rows: JsonRows, background: JsonRows, chosen: Codes, read: list[str]) -> Asking:
    """Return what is asked from outside: columns of the input, or features where rows follow on each other.

    `chosen` are the background rows that are mixed with. Raises RowError and OpError for rows that are refused.
    """
    if not model.sequence:
        picked = [background[place] for place in chosen.tolist()]
        return Asking(model, model.checked([*rows, *picked]), read, len(rows), model.ops)
    steps, behind, features = _parts(model)
    own, others = _features(model, rows, steps, features), _features(model, background, steps, features)
    joined = {name: np.concatenate([own[name], others[name][chosen]]) for name in features}
    return Asking(model, joined, features, len(rows), behind)


def _parts(model: PlanModel) -> tuple[tuple[Op, ...], tuple[Op, ...], list[str]]:
    """Return the operations of the steps, those of the model, and the features between them."""
    ops, said = model.document.ops, model.document.metadata
    found, count = said.get("features"), said.get("model_ops")
    if not isinstance(found, list) or not isinstance(count, int) or not 0 < count <= len(ops):
        raise PlanError("the plan does not say which features its model is given; train the model anew")
    features = [str(name) for name in found]
    ends = answers(model.task, classes=model.classes is not None)
    behind, _ = live_ops(ops[-count:], ends)
    steps, _ = live_ops(ops[:-count], frozenset(features))
    return steps, behind, features


def _features(model: PlanModel, rows: JsonRows, steps: Sequence[Op], features: Sequence[str]) -> dict[str, Floats]:
    work = model.checked(rows)
    for op in steps:
        op.batch(work)
    return {name: as_float(work[name]) for name in features}
