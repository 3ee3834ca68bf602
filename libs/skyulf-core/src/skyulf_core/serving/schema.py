"""The input of a plan: which fields a row has, what they hold, and what is wrong with a row."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from numpy.typing import NDArray

from skyulf_core.serving.errors import RowProblem, ValueRefusedError
from skyulf_core.serving.ops.base import Columns, PlanError, Row
from skyulf_core.serving.values import Coerce, coercer
from skyulf_core.serving.whole import column_of, same_fields, whole_column

MOST_UNKNOWN = 100
MOST_PROBLEMS = 1_000
MOST_GUESSES = 5
LONGEST_GUESS = 100

_MISSING = object()


@dataclass(frozen=True)
class InputColumn:
    """One field of a row, as training saw it. dtype is a logical type of `skyulf_core.schema` (integer, string, …)."""

    name: str
    dtype: str
    nullable: bool

    @classmethod
    def from_dict(cls, data: object) -> InputColumn:
        """Read a column; keys beyond these three are not the plan's business."""
        match data:
            case {"name": str(name), "dtype": str(dtype), "nullable": bool(nullable)}:
                return cls(name, dtype, nullable)
        raise PlanError(f"not a column of a schema: {str(data)[:200]}")

    def to_dict(self) -> dict[str, object]:
        """Return the column as JSON."""
        return {"name": self.name, "dtype": self.dtype, "nullable": self.nullable}


@dataclass(frozen=True)
class _Field:
    name: str
    coerce: Coerce
    required: bool
    null_problem: tuple[str, str] | None


class InputCheck:
    """Turns what a client sends into values, or says what is wrong with it.

    A field the model needs must be there, null where nulls are handled; one it does not need may be left out.
    """

    def __init__(
        self, schema: Sequence[InputColumn], *, required: frozenset[str], no_null: frozenset[str], target: str | None
    ) -> None:
        self._target = target
        self._schema = {column.name: column for column in schema}
        self._fields = tuple(self._field(column, required, no_null) for column in schema)
        self._names = frozenset(self._schema)
        self.required = required

    @staticmethod
    def _field(column: InputColumn, required: frozenset[str], no_null: frozenset[str]) -> _Field:
        refused = ("must not be null: the model has no rule for it; add an imputer before training", "null")
        return _Field(
            column.name,
            coercer(column.dtype),
            column.name in required,
            refused if column.name in no_null else None,
        )

    def row(self, index: int, row: object) -> tuple[Row, list[RowProblem]]:
        """Return one row's values and problems."""
        if not isinstance(row, Mapping):
            return {}, [RowProblem(index, "", "must be an object of field names and values", "wrong_type")]
        values: Row = {}
        problems: list[RowProblem] = []
        seen = 0
        for field in self._fields:
            name = field.name
            value = row.get(name, _MISSING)
            if value is _MISSING:
                if field.required:
                    problems.append(_missing(index, field))
                continue
            seen += 1
            if value is None:
                if field.null_problem:
                    problems.append(RowProblem(index, name, *field.null_problem))
                values[name] = None
                continue
            try:
                values[name] = field.coerce(value)
            except ValueRefusedError as error:
                problems.append(RowProblem(index, name, error.message, error.code))
        if seen != len(row):
            problems += self._unknown(index, row)
        return values, problems

    def _unknown(self, index: int, row: Mapping[object, object]) -> Iterable[RowProblem]:
        absent = [name for name in self._names if name not in row]
        unknown = (name for name in row if name not in self._names)
        # Bounded: a row of a hundred thousand strange names would otherwise keep the server busy for seconds.
        for number, name in enumerate(islice(unknown, MOST_UNKNOWN)):
            if name == self._target:
                yield RowProblem(index, str(name), "is what the model predicts; leave it out", "unknown_field")
                continue
            guess = number < MOST_GUESSES and len(str(name)) <= LONGEST_GUESS
            close = difflib.get_close_matches(str(name), absent or self._names, n=1) if guess else []
            hint = f"; did you mean {close[0]!r}?" if close else ""
            yield RowProblem(index, str(name), f"is not a field of this model{hint}", "unknown_field")

    def columns(self, rows: Sequence[object]) -> tuple[Columns, list[RowProblem]]:
        """Return the columns that the model needs; whole columns at once where every value has the plain type."""
        values = same_fields(rows, self._schema)
        if values is None:
            bad = any(not isinstance(row, Mapping) for row in rows)
            if bad or not all(self._names.issuperset(row) for row in rows if isinstance(row, Mapping)):
                every = (problem for i, row in enumerate(rows) for problem in self.row(i, row)[1])
                return {}, list(islice(every, MOST_PROBLEMS))
            mappings = [row for row in rows if isinstance(row, Mapping)]
            values = {name: [row.get(name, _MISSING) for row in mappings] for name in self._schema}
        columns: Columns = {}
        problems: list[RowProblem] = []
        for field in self._fields:
            raw = values.get(field.name)
            if raw is None:
                problems += [_missing(index, field) for index in range(len(rows)) if field.required]
                continue
            column, found = self._column(field, raw)
            problems += found
            if column is not None and field.required:
                columns[field.name] = column
        return columns, sorted(problems)

    def _column(self, field: _Field, raw: list[Any]) -> tuple[NDArray[Any] | None, list[RowProblem]]:
        dtype = self._schema[field.name].dtype
        column = whole_column(dtype, raw, nullable=field.null_problem is None)
        if column is not None:
            return column, []
        values, found = _value_by_value(field, raw)
        return None if found else column_of(dtype, values), found


def _missing(index: int, field: _Field) -> RowProblem:
    hint = "" if field.null_problem else "; send null where the value is not known"
    return RowProblem(index, field.name, f"is missing{hint}", "missing")


def _value_by_value(field: _Field, raw: list[Any]) -> tuple[list[Any], list[RowProblem]]:
    values: list[Any] = []
    problems = []
    for index, value in enumerate(raw):
        if value is _MISSING:
            if field.required:
                problems.append(_missing(index, field))
            values.append(None)
        elif value is None:
            if field.null_problem:
                problems.append(RowProblem(index, field.name, *field.null_problem))
            values.append(None)
        else:
            try:
                values.append(field.coerce(value))
            except ValueRefusedError as error:
                problems.append(RowProblem(index, field.name, error.message, error.code))
    return values, problems
