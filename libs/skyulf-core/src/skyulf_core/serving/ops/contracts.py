"""Operations on values that should not be: replace_outside puts something else, require refuses the row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeAlias

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    OpError,
    Origins,
    PlanError,
    Row,
    RowFunction,
    Scalar,
    ValueProblem,
    as_float,
    operation,
    plain,
    replaced,
    same_length,
    shown,
)
from skyulf_core.serving.ops.text_cleaning import pattern_of

Rule: TypeAlias = tuple[Any, ...]
Fault: TypeAlias = Callable[[Any], str | None]
"""Says what is wrong with a value that is not null, or None."""

RULES: dict[str, str] = {
    "not_null": "null", "range": "out_of_range", "allowed": "not_allowed", "regex": "no_match", "type": "wrong_type",
}  # fmt: skip
"""Rules of `require`, and the codes of their problems."""


@operation
@dataclass(frozen=True)
class ReplaceOutside(Op):
    """Replace what lies outside of `[lower, upper]`, compared as float64; a bound of null is none. Nulls stay null.

    A value that is a float makes floats of the integers beside it.
    """

    op: ClassVar[str] = "replace_outside"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "lower", "upper", "values")
    columns: tuple[str, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        same_length("replace_outside", columns=self.columns, lower=self.lower, upper=self.upper, values=self.values)

    def _bounds(self) -> list[tuple[str, float, float, float | None]]:
        return [
            (name, -math.inf if low is None else float(low), math.inf if high is None else float(high), value)
            for name, low, high, value in zip(self.columns, self.lower, self.upper, self.values, strict=True)
        ]

    def row_function(self) -> RowFunction:
        """Replace in one row."""
        bounds = tuple(self._bounds())

        def run(values: Row) -> None:
            for name, low, high, other in bounds:
                value = values[name]
                if value is not None and not low <= float(value) <= high and value == value:
                    values[name] = other
                elif type(value) is int and type(other) is float:
                    values[name] = float(value)

        return run

    def batch(self, columns: Columns) -> None:
        """Replace in columns."""
        for name, low, high, other in self._bounds():
            column = as_float(columns[name])
            outside = (column < low) | (column > high)
            columns[name] = replaced(column if type(other) is float else columns[name], outside, other)


@operation
@dataclass(frozen=True)
class Require(Op):
    """Refuse rows with values that break a rule; `rules[i]` is that of `columns[i]`, and a column may come twice.

    `["not_null"]`, `["range", lower, upper]` (a bound of null is none), `["allowed", [values]]`, `["regex", pattern]`
    (RE2, on the whole text), `["type", dtype]`. Only `not_null` looks at nulls. Every fault is reported, not the first.
    """

    op: ClassVar[str] = "require"
    columns: tuple[str, ...]
    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        same_length("require", columns=self.columns, rules=self.rules)
        for rule in self.rules:
            if not rule or rule[0] not in RULES:
                raise ValueError(f"require: rule {rule!r}")

    def _tests(self) -> list[tuple[str, Fault | None, str]]:
        return [(name, fault_of(rule), RULES[rule[0]]) for name, rule in zip(self.columns, self.rules, strict=True)]

    def row_function(self) -> RowFunction:
        """Check one row."""
        tests = tuple(self._tests())

        def run(values: Row) -> None:
            problems = None
            for name, fault, code in tests:
                message = _message(fault, values[name])
                if message is not None:
                    problems = [*(problems or ()), ValueProblem(0, name, message, code)]
            if problems:
                raise OpError(problems)

        return run

    def batch(self, columns: Columns) -> None:
        """Check columns."""
        problems: list[ValueProblem] = []
        for name, fault, code in self._tests():
            known: dict[Any, str | None] = {}
            for row, value in enumerate(plain(columns[name])):
                if value not in known:
                    known[value] = _message(fault, value)
                if (message := known[value]) is not None:
                    problems.append(ValueProblem(row, name, message, code))
        if problems:
            raise OpError(sorted(problems, key=lambda problem: problem.row))

    def restrict(self, after: frozenset[str]) -> Op | None:
        """A contract holds whether the answer depends on its columns or not."""
        return self

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the columns that are checked."""
        return after | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null may not reach a column that must have a value."""
        never = [name for name, rule in zip(self.columns, self.rules, strict=True) if rule[0] == "not_null"]
        return frozenset().union(*(origins.get(name, frozenset()) for name in never))


def _message(fault: Fault | None, value: Any) -> str | None:
    if value is None or value != value:
        return "must not be missing" if fault is None else None
    return None if fault is None else fault(value)


def fault_of(rule: Rule) -> Fault | None:
    """Return the function that says what is wrong with a value; None for the rule about nulls. Raises PlanError."""
    kind, arguments = rule[0], rule[1:]
    if kind == "not_null":
        return None
    if kind == "range":
        return _outside(*arguments)
    if kind == "allowed":
        allowed: frozenset[Scalar] = frozenset(arguments[0])
        return lambda value: None if value in allowed else f"{shown(value)} is none of the allowed values"
    if kind == "regex":
        pattern = pattern_of(arguments[0])
        return lambda value: None if pattern.fullmatch(value.encode()) else f"{value!r} does not match {arguments[0]!r}"
    return _not_of_type(arguments[0])


def _outside(lower: float | None, upper: float | None) -> Fault:
    low, high = -math.inf if lower is None else float(lower), math.inf if upper is None else float(upper)
    words = (
        f"above {high:g}" if lower is None else f"below {low:g}" if upper is None else f"outside of {low:g} to {high:g}"
    )
    return lambda value: None if low <= float(value) <= high else f"{shown(value)} lies {words}"


def _not_of_type(dtype: str) -> Fault:
    tests: dict[str, Callable[[Any], bool]] = {
        "integer": lambda value: isinstance(value, int | float) and float(value).is_integer(),
        "number": lambda value: isinstance(value, int | float),
        "float": lambda value: isinstance(value, int | float),
        "boolean": lambda value: value in (0, 1),
        "string": lambda value: isinstance(value, str),
        "date": lambda value: isinstance(value, datetime),
        "datetime": lambda value: isinstance(value, datetime),
    }
    if dtype not in tests:
        raise PlanError(f"require: type {dtype!r}")
    test = tests[dtype]
    return lambda value: None if test(value) else f"{shown(value)} is no {dtype}"
