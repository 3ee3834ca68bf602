"""Serving plans: read them, check rows against them, predict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from skyulf_core.serving.arrays import ArrayReader
from skyulf_core.serving.conformal import Conformal
from skyulf_core.serving.errors import RowError, RowProblem
from skyulf_core.serving.files import open_files, read_json, reading
from skyulf_core.serving.ops import DECISION, PREDICTION, PROBABILITIES, Columns, Op, OpError, PlanError, Row
from skyulf_core.serving.ops.base import Origins
from skyulf_core.serving.schema import InputCheck, InputColumn

PLAN_FORMAT = "skyulf.plan/1"
PLAN_FILE = "plan.json"
TASKS = ("classification", "regression", "clustering", "anomaly")

Label: TypeAlias = bool | int | float | str

_ROW_BY_ROW = 64
"""Up to so many rows are quicker one by one: a batch costs about as much whatever its size."""


@dataclass(frozen=True)
class PredictionBatch:
    """Predictions in the order of the rows; for classifiers that have them each class's probability, by `label_key`.

    Of a clustering the predictions are numbers of clusters (-1: none), and a mixture has the probability of each. Of a
    detector of anomalies they are 1 and -1 (an anomaly), and `scores` say how normal each row is: below 0 an anomaly.
    Where they were asked for, `intervals` (low, high) hold the true number of each row, or `sets` of labels the true
    class, as often as the plan's `conformal` says.
    """

    predictions: list[Label]
    probabilities: list[dict[str, float]] | None = None
    scores: list[float] | None = None
    intervals: list[tuple[float, float]] | None = None
    sets: list[list[Label]] | None = None

    def __len__(self) -> int:
        return len(self.predictions)


def label_key(label: Label) -> str:
    """Return a class label as a JSON key: `true`, `3`, or the string itself."""
    return str(label).lower() if isinstance(label, bool) else str(label)


@dataclass(frozen=True)
class PlanDocument:
    """A plan as data: what `plan.json` says."""

    task: str
    input_schema: Sequence[InputColumn]
    ops: Sequence[Op]
    classes: Sequence[Label] | None = None
    target: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    conformal: Conformal | None = None

    def to_dict(self) -> dict[str, object]:
        """Return JSON values and arrays (see serving.arrays)."""
        conformal = {} if self.conformal is None else {"conformal": self.conformal.to_dict()}
        return {
            "format": PLAN_FORMAT,
            "task": self.task,
            "target": self.target,
            "classes": None if self.classes is None else list(self.classes),
            "input_schema": [column.to_dict() for column in self.input_schema],
            "metadata": dict(self.metadata),
            **conformal,
            "ops": [op.to_dict() for op in self.ops],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> PlanDocument:
        """Read a plan. Raises PlanError for an unknown format, operation or field."""
        if data.get("format") != PLAN_FORMAT:
            raise PlanError(f"plan format {data.get('format')!r}; this version reads {PLAN_FORMAT!r}")
        schema, ops = data.get("input_schema"), data.get("ops")
        classes, task, target = data.get("classes"), data.get("task"), data.get("target")
        metadata = data.get("metadata") or {}
        if not isinstance(schema, list) or not isinstance(ops, list) or not isinstance(metadata, dict):
            raise PlanError("a plan has input_schema, ops and metadata")
        if task not in TASKS or not isinstance(classes, list | None) or not isinstance(target, str | None):
            raise PlanError(f"plan of task {task!r}, target {target!r}")
        if not all(isinstance(op, dict) for op in ops):
            raise PlanError("an operation is an object")
        columns = tuple(InputColumn.from_dict(column) for column in schema)
        read = tuple(Op.from_dict(op) for op in ops)
        return cls(str(task), columns, read, classes, target, metadata, _conformal(data.get("conformal"), str(task)))


class PlanModel:
    """A model ready to predict. Immutable and safe to share between threads."""

    def __init__(self, document: PlanDocument) -> None:
        """Compile the plan. Raises PlanError where its operations do not fit its schema."""
        self.document = document
        self.task = document.task
        self.target = document.target
        self.classes = None if document.classes is None else list(document.classes)
        self.input_schema = list(document.input_schema)
        names = frozenset(column.name for column in self.input_schema)
        self._ops, self.required_fields = _live_ops(document)
        unknown = self.required_fields - names
        if unknown & {PREDICTION, PROBABILITIES, DECISION}:
            raise PlanError("the plan makes no prediction")
        if unknown:
            raise PlanError(f"the plan reads columns that are not in its schema: {', '.join(sorted(unknown))}")
        self._origins: Origins = {name: frozenset({name}) for name in names}
        no_null = frozenset[str]().union(*(op.trace(self._origins) for op in self._ops))
        self._check = InputCheck(self.input_schema, required=self.required_fields, no_null=no_null, target=self.target)
        self._steps = tuple(op.row_function() for op in self._ops)
        self.sequence = any(op.sequence for op in self._ops)
        self._row_by_row_up_to = 1 if self.sequence else _ROW_BY_ROW
        soft = any(PROBABILITIES in op.makes() for op in self._ops)
        self._keys = [label_key(label) for label in self.classes] if self.classes is not None and soft else None
        self._detects = self.task == "anomaly"

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operations that the answer depends on, in their order."""
        return self._ops

    def checked(self, rows: Sequence[Mapping[str, object]]) -> Columns:
        """Return the columns that the operations start from. Raises RowError."""
        columns, problems = self._check.columns(rows)
        if problems:
            raise RowError(problems)
        return {name: columns[name] for name in self.required_fields}

    def values(self, rows: Sequence[Mapping[str, object]]) -> list[Row]:
        """Return the values of rows in the types of their columns. Raises RowError."""
        found = [self._check.row(index, row) for index, row in enumerate(rows)]
        problems = [problem for _, each in found for problem in each]
        if problems:
            raise RowError(problems)
        return [values for values, _ in found]

    def predict_row(self, row: Mapping[str, object], *, intervals: bool = False) -> PredictionBatch:
        """Predict one row. Raises RowError."""
        return self.predict_rows([row], intervals=intervals)

    def predict_rows(self, rows: Sequence[Mapping[str, object]], *, intervals: bool = False) -> PredictionBatch:
        """Predict rows of JSON values, a few on plain Python, many on numpy columns. Raises RowError.

        With `intervals` answers come with intervals or sets; PlanError where the plan has learned none.
        """
        if intervals:
            return self._with_intervals(self.predict_rows(rows))
        return self._row_by_row(rows) if len(rows) <= self._row_by_row_up_to else self.predict_batch(rows)

    def predict_batch(self, rows: Sequence[Mapping[str, object]]) -> PredictionBatch:
        """Predict rows of JSON values on numpy columns, however few they are. Raises RowError."""
        return self.predict_columns(self.checked(rows))

    def _with_intervals(self, batch: PredictionBatch) -> PredictionBatch:
        conformal = self.document.conformal
        if conformal is None:
            raise PlanError("this model has learned neither intervals nor sets; train it with validation.conformal")
        if not conformal.makes_sets:
            return replace(batch, intervals=[conformal.interval(float(value)) for value in batch.predictions])
        classes = self.classes or []
        found = [conformal.codes(list(row.values())) for row in batch.probabilities or ()]
        return replace(batch, sets=[[classes[code] for code in codes] for codes in found])

    def predict_columns(self, columns: Columns) -> PredictionBatch:
        """Predict checked columns: numbers as float64 with NaN for null (or int64, bool), strings, and integers beyond
        2**53 beside nulls, as objects with None, times as datetime64[us] with NaT. Raises RowError."""
        work = {name: columns[name] for name in self.required_fields}
        try:
            for op in self._ops:
                op.batch(work)
        except OpError as error:
            raise RowError(self.problems(error)) from None
        predictions = work[PREDICTION].tolist()
        if self._keys is None:
            return PredictionBatch(predictions, scores=work[DECISION].tolist() if self._detects else None)
        keys = self._keys
        return PredictionBatch(predictions, [dict(zip(keys, row, strict=True)) for row in work[PROBABILITIES].tolist()])

    def _row_by_row(self, rows: Sequence[Mapping[str, object]]) -> PredictionBatch:
        predictions: list[Label] = []
        probabilities: list[dict[str, float]] = []
        scores: list[float] = []
        problems: list[RowProblem] = []
        keys, detects = self._keys, self._detects
        for index, row in enumerate(rows):
            values, found = self._check.row(index, row)
            if found:
                problems += found
                continue
            try:
                for step in self._steps:
                    step(values)
            except OpError as error:
                problems += self.problems(error, index)
                continue
            predictions.append(values[PREDICTION])
            if keys is not None:
                probabilities.append(dict(zip(keys, values[PROBABILITIES], strict=True)))
            elif detects:
                scores.append(values[DECISION])
        if problems:
            raise RowError(problems)
        return PredictionBatch(predictions, None if keys is None else probabilities, scores if detects else None)

    def problems(self, error: OpError, index: int = 0) -> list[RowProblem]:
        """Return what an operation refused as problems of input fields; `index` is that of its first row."""
        return [
            RowProblem(index + problem.row, self._input_of(problem.column), problem.message, problem.code)
            for problem in error.problems
        ]

    def _input_of(self, column: str) -> str:
        """Name the input field behind a derived column, where it is one."""
        origin = self._origins.get(column, frozenset())
        return next(iter(origin)) if len(origin) == 1 else column


def answers(task: str | None, *, classes: bool) -> frozenset[str]:
    """Return what the operations of a plan must make, where they end; `classes`: it has labels with probabilities."""
    if task == "anomaly":
        return frozenset({PREDICTION, DECISION})
    soft = task == "classification" or (task == "clustering" and classes)
    return frozenset({PREDICTION, PROBABILITIES} if soft else {PREDICTION})


def _conformal(data: object, task: str) -> Conformal | None:
    """Read how sure answers are. Raises PlanError where it says nothing of such a task."""
    if data is None:
        return None
    if not isinstance(data, dict):
        raise PlanError("conformal is an object")
    try:
        conformal = Conformal.from_dict(data)
    except (TypeError, ValueError, KeyError) as error:
        raise PlanError(f"conformal: {error}") from None
    if task != ("classification" if conformal.makes_sets else "regression"):
        raise PlanError(f"conformal: {conformal.method!r} of a {task}")
    return conformal


def _live_ops(document: PlanDocument) -> tuple[tuple[Op, ...], frozenset[str]]:
    """Return the operations that the answer depends on, cut to the columns it depends on, and those it starts from."""
    needed = answers(document.task, classes=document.classes is not None)
    if not any(PROBABILITIES in op.makes() for op in document.ops):
        needed -= {PROBABILITIES}  # a classifier may have scores only, as linear ones by hinge loss
    return live_ops(document.ops, needed)


def live_ops(ops: Sequence[Op], needed: frozenset[str]) -> tuple[tuple[Op, ...], frozenset[str]]:
    """Return the operations that these columns depend on, cut to what is needed, and the columns they start from."""
    kept: list[Op] = []
    for op in reversed(ops):
        live = op.restrict(needed)
        if live is None:
            continue
        kept.append(live)
        needed = live.needed(needed)
    return tuple(reversed(kept)), needed


def load_plan(source: Path | str | Mapping[str, bytes]) -> PlanModel:
    """Read the plan of a bundle, from its folder or from its files' bytes by name.

    Raises PlanError for anything that is not a plan of this version; nothing is ever unpickled or executed.
    """
    files = open_files(source)
    with reading(PLAN_FILE):
        document = ArrayReader(files).decode(read_json(files, PLAN_FILE))
        return PlanModel(PlanDocument.from_dict(document))
