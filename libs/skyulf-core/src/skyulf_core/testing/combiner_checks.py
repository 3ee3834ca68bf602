"""What a node promises that makes one table of several."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from skyulf_core.data.frames import schema_of
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.combiner import Combiner, CombinerApplier, Side
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema
from skyulf_core.serving.ops import Op
from skyulf_core.testing.compare import (
    CheckError,
    require,
    require_same_frame,
    require_same_params,
    require_same_values,
)
from skyulf_core.testing.node_checks import Case
from skyulf_core.testing.plans import columns_of, rows_of

_REFERENCE = pl.DataFrame(
    {
        "plan": ["basic", "pro", None, "Oslo", "basic", "Kyōto", "team"],
        "flag": [True, False, True, None, False, True, True],
        "size": pl.Series([0, 1, 2, 3, None, 5, 6], dtype=pl.Int64),
        "price": [1.5, None, 3.5, -2.0, 0.0, 6.25, 7.0],
        "region": ["north", "südlich", None, "north", "", "west", "a b"],
        "open": [True, None, False, True, True, False, None],
    }
)


@dataclass(frozen=True)
class Tables:
    """The inputs that a combiner is checked with: branches of the sample, or the sample and reference data."""

    case: Case
    frames: tuple[pl.DataFrame, ...]
    sides: tuple[Side, ...]

    @classmethod
    def of(cls, case: Case) -> Tables:
        """Return the inputs for a case: `first` and `second`, and `third` where it takes more than two."""
        if _combiner(case).reference_inputs:
            keys = getattr(case.config, "right_keys", None) or _REFERENCE.columns[:1]
            right = _REFERENCE.unique(subset=keys, keep="first", maintain_order=True)
            return cls(case, (case.data, right), (Side("first"), Side("second")))
        names = (("number", "count", "plan", "at"), ("plan", "number", "city"), ("city", "flag", "day"))
        frames = [case.data.select(some) for some in names]
        frames[1] = frames[1].with_columns(pl.col("number") * 2.0)
        ids = ("first", "second", "third")
        sides = [
            Side(name, {column: name if column == "number" else "" for column in frame.columns})
            for name, frame in zip(ids, frames, strict=True)
        ]
        most = _combiner(case).most_inputs or len(frames)
        return cls(case, tuple(frames[:most]), tuple(sides[:most]))

    @property
    def live(self) -> list[pl.DataFrame]:
        """The inputs that predictions read."""
        kept = _combiner(self.case).reference_inputs
        return [frame for index, frame in enumerate(self.frames) if index not in kept]

    def fit(self) -> Params:
        """Learn from all inputs."""
        return _combiner(self.case).fit(list(self.frames), self.case.config, sides=self.sides)


def _combiner(case: Case) -> Combiner[NodeConfig]:
    return cast("Combiner[NodeConfig]", case.calculator)


def _applier(case: Case) -> CombinerApplier:
    if not isinstance(case.entry.applier, CombinerApplier):
        raise CheckError("the node is registered without a CombinerApplier")
    return case.entry.applier


def combined_params_round_trip(case: Case) -> None:
    """Params come back from JSON as they were, and learning leaves its inputs."""
    tables = Tables.of(case)
    before = [frame.clone() for frame in tables.frames]
    params = tables.fit()
    values, arrays = params.split()
    again = Params.join(json.loads(json.dumps(values, allow_nan=False)), arrays)
    require_same_params(again, params, "params")
    for frame, wanted in zip(tables.frames, before, strict=True):
        require_same_frame(frame, wanted, "input after fit", exact=True)
    found = _applier(case).combine(tables.live, again)
    require_same_frame(found, _applier(case).combine(tables.live, params), "combine", exact=True)


def combining_keeps_rows(case: Case) -> None:
    """The rows are those of the first input, in its order, in whatever order that is; training keeps some or all."""
    tables, applier = Tables.of(case), _applier(case)
    params = tables.fit()
    wanted = applier.combine(tables.live, params)
    require(wanted.height == tables.frames[0].height, f"{wanted.height} rows of {tables.frames[0].height}")
    order = np.random.default_rng(2).permutation(wanted.height)
    shuffled = applier.combine([frame[order] for frame in tables.live], params)
    require_same_frame(shuffled, wanted[order], "rows", exact=True)
    rows = applier.rows(tables.live[0], params)
    drops = _combiner(case).drops_rows(case.config)
    require((rows is not None) is drops, "rows are dropped, against what the configuration says")
    require(rows is None or bool(((rows >= 0) & (rows < wanted.height)).all()), "not positions of rows")


def combined_columns_are_bound_by_name(case: Case) -> None:
    """Columns in another order change nothing but their order."""
    tables, applier = Tables.of(case), _applier(case)
    params = tables.fit()
    wanted = applier.combine(tables.live, params)
    found = applier.combine([frame.select(reversed(frame.columns)) for frame in tables.live], params)
    require_same_frame(found.select(wanted.columns), wanted, "shuffled columns", exact=True)


def infers_the_combined_schema(case: Case) -> None:
    """The predicted schema is the one that comes out, and the checks find nothing wrong with good inputs."""
    tables = Tables.of(case)
    schemas = [schema_of(frame) for frame in tables.frames]
    problems = _combiner(case).check_inputs(schemas, case.config, sides=tables.sides)
    require(not problems, f"problems with good inputs: {[str(problem) for problem in problems]}")
    predicted = _combiner(case).infer_schema(schemas, case.config, sides=tables.sides)
    after = schema_of(_applier(case).combine(tables.live, tables.fit()))
    require(predicted.names == after.names, f"columns {after.names}, predicted {predicted.names}")
    for expected, column in zip(predicted, after, strict=True):
        require(column.dtype == expected.dtype, f"{column.name} is {column.dtype}, predicted {expected.dtype}")
        require(expected.nullable or not column.nullable, f"{column.name} has nulls, predicted none")


def combined_plan_equals_combine(case: Case) -> None:
    """The columns of all inputs side by side, and the plan's operations after, give what the frames give."""
    tables, applier = Tables.of(case), _applier(case)
    params = tables.fit()
    wanted, owners = applier.combine(tables.live, params), applier.owners(params)

    def place(name: str) -> str:
        return f"{owners.get(name, 0)}:{name}"

    ops = [Op.from_dict(op.renamed(place).to_dict()) for op in applier.plan(params)]
    beside = pl.concat([_prefixed(frame, f"{i}:") for i, frame in enumerate(tables.live)], how="horizontal")
    rows, columns = rows_of(beside), columns_of(beside)
    for op in ops:
        op.batch(columns)
        for row in rows:
            op.row(row)
    for name in wanted.columns:
        values = wanted[name].to_list()
        require_same_values([row[place(name)] for row in rows], values, f"plan by rows: {name}")
        require_same_values(columns[place(name)].tolist(), values, f"plan by columns: {name}")


def _prefixed(frame: pl.DataFrame, prefix: str) -> pl.DataFrame:
    return frame.rename({name: prefix + name for name in frame.columns})


def few_rows_are_combined(case: Case) -> None:
    """No rows and one row come out with the columns and types of many."""
    tables, applier = Tables.of(case), _applier(case)
    params = tables.fit()
    wanted = applier.combine(tables.live, params)
    for count in (0, 1):
        found = applier.combine([frame.head(count) for frame in tables.live], params)
        require_same_frame(found, wanted.head(count), f"{count} rows")


def faults_of_inputs_are_named(case: Case) -> None:
    """Inputs without their columns are reported with a pointer into the configuration, or refused by name."""
    tables = Tables.of(case)
    schemas = [Schema() for _ in tables.frames]
    problems = _combiner(case).check_inputs(schemas, case.config, sides=tables.sides)
    require(all(problem.pointer.startswith("/") and problem.message for problem in problems), "a problem without place")
    empty = [frame.select([]) for frame in tables.frames]
    try:
        _combiner(case).fit(empty, case.config, sides=tables.sides)
    except DataError as error:
        require(bool(problems), f"refused, but not reported without data: {error}")


def inputs_are_counted(case: Case) -> None:
    """It takes two inputs or more, and predictions read at least the first."""
    combiner = _combiner(case)
    require(combiner.most_inputs is None or combiner.most_inputs >= 2, "one input is nothing to combine")
    require(0 not in combiner.reference_inputs, "predictions have nothing to read")


COMBINER_CHECKS = (
    combined_params_round_trip, combining_keeps_rows, combined_columns_are_bound_by_name, infers_the_combined_schema,
    combined_plan_equals_combine, few_rows_are_combined, faults_of_inputs_are_named, inputs_are_counted,
)  # fmt: skip
