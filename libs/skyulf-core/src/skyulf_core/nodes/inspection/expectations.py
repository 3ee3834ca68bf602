"""Expectations: what data promises, and where it breaks the promise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, cast

import polars as pl
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.columns import ColumnNames
from skyulf_core.params import Scalar
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, TEXT, Dtype
from skyulf_core.serving.ops.contracts import Rule, fault_of
from skyulf_core.serving.ops.text_cleaning import MAX_PATTERN, pattern_of

Check: TypeAlias = Literal["exists", "type", "not_null", "range", "unique", "allowed", "row_count", "regex"]
TypeName: TypeAlias = Literal["integer", "float", "number", "boolean", "string", "date", "datetime"]

_FIELDS: dict[str, tuple[str, ...]] = {
    "exists": (), "type": ("type",), "not_null": (), "range": ("lower", "upper"), "unique": (), "allowed": ("values",),
    "row_count": ("lower", "upper"), "regex": ("pattern",),
}  # fmt: skip
_TYPES: dict[str, frozenset[Dtype]] = {"range": NUMERIC, "allowed": NUMBER_LIKE | TEXT, "regex": TEXT}
_SHOWN = 3


class Expectation(NodeConfig):
    """One promise about columns, or about the whole set of rows."""

    check: Check = Field(
        title="Check",
        description="exists, type, not_null, range, allowed, regex: of each column; unique: of the columns together, "
        "rows with a missing value aside; row_count: of all rows.",
    )
    columns: ColumnNames = Field(
        default=[],
        title="Columns",
        description="Columns that promise it.",
        json_schema_extra={"x-widget": "columns", "x-visible-if": {"check": {"not": "row_count"}}},
    )
    type: TypeName | None = Field(
        default=None,
        title="Type",
        description="number is integer or float.",
        json_schema_extra={"x-visible-if": {"check": "type"}},
    )
    lower: float | None = Field(
        default=None,
        allow_inf_nan=False,
        title="Lower",
        description="Smallest value (number of rows) that is allowed.",
        json_schema_extra={"x-visible-if": {"check": ["range", "row_count"]}},
    )
    upper: float | None = Field(
        default=None,
        allow_inf_nan=False,
        title="Upper",
        description="Largest value (number of rows) that is allowed.",
        json_schema_extra={"x-visible-if": {"check": ["range", "row_count"]}},
    )
    values: list[StrictBool | StrictInt | StrictFloat | StrictStr] | None = Field(
        default=None,
        min_length=1,
        max_length=100_000,
        title="Allowed values",
        description="All values that may occur.",
        json_schema_extra={"x-visible-if": {"check": "allowed"}},
    )
    pattern: str | None = Field(
        default=None,
        max_length=MAX_PATTERN,
        title="Pattern",
        description="Regular expression (RE2) that the whole text matches.",
        json_schema_extra={"x-visible-if": {"check": "regex"}},
    )
    on_failure: Literal["fail", "warn"] = Field(
        default="fail", title="On failure", description="Stop with an error, or keep the finding and go on."
    )

    @model_validator(mode="after")
    def _complete(self) -> Expectation:
        used = _FIELDS[self.check]
        for name in ("type", "lower", "upper", "values", "pattern"):
            if getattr(self, name) is not None and name not in used:
                raise ValueError(f"{name} is not used by check {self.check!r}")
        if used and all(getattr(self, name) is None for name in used):
            raise ValueError(f"check {self.check!r} needs {' or '.join(used)}")
        if (self.check == "row_count") is bool(self.columns):
            raise ValueError("columns are needed, but for row_count")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError("lower must not be larger than upper")
        if self.pattern is not None:
            pattern_of(self.pattern)
        return self

    def rule(self) -> Rule | None:
        """Return the rule of the operation `require`; None where it is not about single values."""
        if self.check == "range":
            return ("range", self.lower, self.upper)
        if self.check == "allowed":
            return ("allowed", tuple(self.values or ()))
        if self.check == "regex":
            return ("regex", self.pattern)
        if self.check == "type":
            return ("type", self.type)
        return ("not_null",) if self.check == "not_null" else None

    def accepts(self, dtype: Dtype) -> bool:
        """Say whether a column of this type can be checked."""
        return self.check not in _TYPES or dtype in _TYPES[self.check]


def findings(data: pl.DataFrame, expectation: Expectation) -> Iterator[tuple[str, str | None]]:
    """Yield what breaks an expectation: a sentence, and the column it is about."""
    known = {name: dtype_of(dtype) for name, dtype in data.schema.items()}
    missing = [name for name in expectation.columns if name not in known]
    yield from ((f"column {name!r} is missing", name) for name in missing)
    if expectation.check == "row_count":
        yield from ((message, None) for message in _count_fault(data.height, expectation))
    elif expectation.check == "unique" and not missing:
        keys = data.select(expectation.columns).drop_nulls()
        repeated = keys.height - keys.n_unique() if keys.height else 0
        if repeated:
            yield f"{', '.join(expectation.columns)}: {repeated} rows repeat another", expectation.columns[0]
    rule = expectation.rule()
    for name in expectation.columns if rule is not None else ():
        if name in missing or rule is None:
            continue
        if not expectation.accepts(known[name]):
            yield f"column {name!r} is {known[name]}: {expectation.check} cannot be checked", name
        elif (fault := column_fault(data[name], rule)) is not None:
            yield fault, name


def _count_fault(rows: int, expectation: Expectation) -> Iterator[str]:
    low, high = expectation.lower, expectation.upper
    if low is not None and rows < low:
        yield f"there are {rows} rows, fewer than {low:g}"
    if high is not None and rows > high:
        yield f"there are {rows} rows, more than {high:g}"


def column_fault(column: pl.Series, rule: Rule) -> str | None:
    """Return what in a column breaks a rule: how many values, and the first of them in order; None where none does."""
    broken = broken_rows(column, rule)
    count = int(broken.sum())
    if not count:
        return None
    if rule[0] == "not_null":
        return f"column {column.name!r}: {count} values are missing"
    if rule[0] == "type":
        return f"column {column.name!r} is {dtype_of(column.dtype)}, expected {rule[1]}"
    fault = fault_of(rule)
    shown = column.filter(broken).unique().sort().head(_SHOWN).to_list()
    sentences = [fault(value) or "" for value in shown] if fault is not None else []
    return f"column {column.name!r}: {'; '.join(sentences)} ({count} rows)"


def broken_rows(column: pl.Series, rule: Rule) -> pl.Series:
    """Mark the values that break a rule, as the operation `require` does row by row."""
    kind = rule[0]
    if kind == "not_null":
        return column.is_null()
    if kind == "type":
        return column.is_not_null() & (not _is_type(dtype_of(column.dtype), str(rule[1])))
    if kind == "range":
        return _outside(column, rule[1], rule[2])
    fault = fault_of(rule)
    known = column.drop_nulls().unique()
    bad = known.filter(pl.Series([fault is not None and fault(value) is not None for value in known], dtype=pl.Boolean))
    return column.is_in(bad.implode()).fill_null(False) if len(bad) else column.is_null() & False


def _outside(column: pl.Series, lower: Scalar, upper: Scalar) -> pl.Series:
    number = column.cast(pl.Float64)
    outside = number.is_null() & False
    if lower is not None:
        outside |= (number < float(cast("float", lower))).fill_null(False)
    if upper is not None:
        outside |= (number > float(cast("float", upper))).fill_null(False)
    return outside


def _is_type(dtype: Dtype, wanted: str) -> bool:
    if wanted == "number":
        return dtype in NUMERIC
    return dtype in TEXT if wanted == "string" else dtype == wanted
