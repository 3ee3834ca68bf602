"""Expect: what data promises, held to it in training and at every prediction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import polars as pl
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Calculator, Kind, LazyApplier, NodeConfig
from skyulf_core.nodes.inspection.expectations import Expectation, column_fault, findings
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import DTYPES, Schema
from skyulf_core.serving.ops import Op, Require
from skyulf_core.serving.ops.contracts import Rule

_REASON = "expectation-failed"


class ExpectConfig(NodeConfig):
    """What the data promises."""

    expectations: list[Expectation] = Field(
        max_length=1_000, title="Expectations", description="Promises, each about columns or about all rows."
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns whose absence is an error."""
        for index, expectation in enumerate(self.expectations):
            for position, name in enumerate(expectation.columns if expectation.on_failure == "fail" else ()):
                yield f"/expectations/{index}/columns/{position}", name


class ExpectApplier(LazyApplier):
    """Refuses rows with values that break a promise; changes nothing."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame as it is."""
        return frame

    def fuses(self, params: Params) -> bool:
        """Every value has to be looked at where a promise is about values."""
        return not params.strings("columns")

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError that names every promise that the values break. Holds the columns that it looks at."""
        columns, rules = params.strings("columns"), _rules(params)
        names = list(dict.fromkeys(columns))
        require_columns(pl.DataFrame(schema=frame.collect_schema()), names)
        data = frame.select(names).collect()
        found = [(column_fault(data[name], rule), name) for name, rule in zip(columns, rules, strict=True)]
        broken = [(fault, name) for fault, name in found if fault is not None]
        if broken:
            raise DataError("; ".join(fault for fault, _ in broken), reason=_REASON, column=broken[0][1])

    def plan(self, params: Params) -> list[Op]:
        """Return one require operation, where a promise is about single values."""
        columns = tuple(params.strings("columns"))
        return [Require(columns=columns, rules=tuple(_rules(params)))] if columns else []


def _rules(params: Params) -> list[Rule]:
    rules = cast("list[list[object]]", params["rules"])
    return [tuple(tuple(part) if isinstance(part, list) else part for part in rule) for rule in rules]


@NodeRegistry.register("Expect", ExpectApplier)
class ExpectCalculator(Calculator[ExpectConfig]):
    """Hold data to its promises: columns, types, ranges, allowed values, patterns, uniqueness, number of rows.

    Training stops with one error that names every broken promise of `fail`; those of `warn` are kept in the params
    under `findings`. Promises of `fail` about single values (type, not_null, range, allowed, regex) hold for every
    later row too: a prediction refuses the row, and says why for each value. Missing values break `not_null` only. The
    rows that are held to `unique` and `row_count` are the training rows.

    >>> data = pl.DataFrame({"id": [1, 2, 2], "plan": ["pro", "basic", None]})
    >>> checks = [{"check": "allowed", "columns": ["plan"], "values": ["basic", "pro"]},
    ...           {"check": "unique", "columns": ["id"], "on_failure": "warn"}]
    >>> params = ExpectCalculator().fit(data, ExpectConfig(expectations=checks))
    >>> params["findings"][0]["message"]
    'id: 1 rows repeat another'

    >>> ExpectApplier().apply(pl.DataFrame({"plan": ["team"]}), params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'plan': 'team' is none of the allowed values (1 rows)
    """

    family = "inspection"
    kind = Kind.LEARNED
    keywords = ("contract", "validate", "check", "quality", "assert", "schema", "unique", "range", "constraint")
    examples = (
        {
            "expectations": [
                {"check": "exists", "columns": ["number", "plan"]},
                {"check": "type", "columns": ["number", "price"], "type": "float"},
                {"check": "type", "columns": ["count"], "type": "number"},
                {"check": "type", "columns": ["plan"], "type": "string"},
                {"check": "not_null", "columns": ["count", "city"]},
                {"check": "range", "columns": ["number", "count"], "lower": -1000},
                {"check": "row_count", "lower": 1, "upper": 1000},
            ]
        },
        {
            "expectations": [
                {"check": "allowed", "columns": ["plan"], "values": ["basic", "pro", "team"]},
                {"check": "allowed", "columns": ["flag"], "values": [True, False]},
                {"check": "regex", "columns": ["digits", "plan"], "pattern": "-?[0-9a-z]+"},
                {"check": "type", "columns": ["at", "flag"], "type": "datetime", "on_failure": "warn"},
            ]
        },
        {
            "expectations": [
                {"check": "unique", "columns": ["city", "plan"], "on_failure": "warn"},
                {"check": "range", "columns": ["number", "plan"], "upper": 0, "on_failure": "warn"},
                {"check": "not_null", "columns": ["no such column", "at"], "on_failure": "warn"},
                {"check": "row_count", "upper": 3, "on_failure": "warn"},
            ]
        },
        {"expectations": []},
    )
    accepts = frozenset(DTYPES)
    reference = "the promise counted row by row"
    tolerance = 0.0

    def check(self, schema: Schema, config: ExpectConfig) -> list[Problem]:
        """Refuse promises that a column's type cannot keep."""
        problems = []
        for index, expectation in enumerate(config.expectations):
            for position, name in enumerate(expectation.columns):
                column = schema.find(name)
                if column is not None and expectation.on_failure == "fail" and not expectation.accepts(column.dtype):
                    message = f"Column {name!r} is {column.dtype}; {expectation.check} cannot be checked."
                    problems.append(Problem(f"/expectations/{index}/columns/{position}", message, "wrong-type"))
        return problems

    def fit(self, data: pl.DataFrame, config: ExpectConfig) -> Params:
        """Hold the training rows to every promise. Raises DataError that names all broken ones."""
        kept: list[dict[str, object]] = []
        failures: list[tuple[str, str | None]] = []
        for index, expectation in enumerate(config.expectations):
            found = list(findings(data, expectation))
            if expectation.on_failure == "fail":
                failures += found
                continue
            kept += [
                {"expectation": index, "check": expectation.check, "column": name, "message": message}
                for message, name in found
            ]
        if failures:
            raise DataError("; ".join(message for message, _ in failures), reason=_REASON, column=failures[0][1])
        columns, rules = _held_to(config)
        return Params(columns=columns, rules=rules, findings=kept, rows=data.height)

    def infer_schema(self, schema: Schema, config: ExpectConfig) -> Schema:
        """Return the same columns."""
        return schema


def _held_to(config: ExpectConfig) -> tuple[list[str], list[object]]:
    """Return the columns and rules that later rows are held to."""
    columns: list[str] = []
    rules: list[object] = []
    for expectation in config.expectations:
        rule = expectation.rule()
        if rule is None or expectation.on_failure != "fail":
            continue
        columns += expectation.columns
        rules += [[list(part) if isinstance(part, tuple) else part for part in rule] for _ in expectation.columns]
    return columns, rules
