"""What a node that learns and applies promises on ordinary data."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.frames import schema_of
from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig, RowApplier, TargetAwareCalculator
from skyulf_core.nodes.registry import AnyNode, NodeEntry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import ColumnSchema, Schema
from skyulf_core.testing.compare import CheckError, require, require_same_frame, require_same_params
from skyulf_core.testing.plans import check_plan
from skyulf_core.testing.samples import features, sample_frame


@dataclass(frozen=True)
class Case:
    """One node with one configuration, and the sample."""

    entry: NodeEntry
    raw: Mapping[str, object]
    config: NodeConfig
    frame: pl.DataFrame

    @classmethod
    def of(cls, entry: NodeEntry, raw: Mapping[str, object]) -> Case:
        """Return the case of a configuration. Raises pydantic's ValidationError for a wrong one."""
        return cls(entry, raw, entry.config_model.model_validate(dict(raw)), sample_frame())

    @property
    def data(self) -> pl.DataFrame:
        """The features of the sample."""
        return features(self.frame)

    @property
    def calculator(self) -> AnyNode:
        """The node's calculator."""
        return self.entry.calculator

    @property
    def applier(self) -> Applier:
        """The node's applier. Raises CheckError where there is none."""
        if not isinstance(self.entry.applier, Applier):
            raise CheckError("the node is registered without an Applier")
        return self.entry.applier

    @property
    def changes_rows(self) -> bool:
        """Whether apply changes the number of rows."""
        return self.entry.kind is Kind.ROW_CHANGING

    @property
    def target(self) -> pl.Series:
        """The target that a target-aware node learns from."""
        return self.frame[self.calculator.sample_target]

    def fit(self, data: pl.DataFrame, rows: NDArray[np.int64] | None = None) -> Params:
        """Learn from a frame whose rows are these of the sample; left out: its first ones."""
        if isinstance(self.calculator, TargetAwareCalculator):
            target = self.target.head(data.height) if rows is None else self.target.gather(rows)
            return self.calculator.fit(data, target, self.config)
        return cast("Calculator[NodeConfig]", self.calculator).fit(data, self.config)

    def training_rows(self, params: Params) -> pl.DataFrame | None:
        """Return what the node makes of the rows that it learned from, where that differs from apply."""
        if isinstance(self.calculator, TargetAwareCalculator):
            return self.calculator.training_rows(self.data, self.target, self.config, params)
        return cast("Calculator[NodeConfig]", self.calculator).training_rows(self.data, self.config, params)

    def fit_or_refuse(self, data: pl.DataFrame) -> Params | None:
        """Learn from a frame; None where it is refused with a DataError."""
        try:
            return self.fit(data)
        except DataError:
            return None

    def infer_schema(self, schema: Schema) -> Schema:
        """Return the predicted schema."""
        return cast("Calculator[NodeConfig]", self.calculator).infer_schema(schema, self.config)


def params_round_trip(case: Case) -> None:
    """Params come back from JSON and numpy files, without pickle, as they were."""
    params = case.fit(case.data)
    values, arrays = params.split()
    files = {}
    for name, array in arrays.items():
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=False)
        files[name] = np.load(io.BytesIO(buffer.getvalue()), allow_pickle=False)
    again = Params.join(json.loads(json.dumps(values, allow_nan=False)), files)
    require_same_params(again, params, "params")
    require_same_frame(case.applier.apply(case.data, again), case.applier.apply(case.data, params), "apply", exact=True)


def fit_leaves_its_input(case: Case) -> None:
    """Learning does not change the frame that it learns from."""
    data, before = case.data, case.data.clone()
    case.fit(data)
    require_same_frame(data, before, "input after fit", exact=True)


def apply_is_pure(case: Case) -> None:
    """The same params and rows give the same rows, and leave both as they were."""
    data, params = case.data, case.fit(case.data)
    before = json.dumps(params.split()[0])
    first, second = case.applier.apply(data, params), case.applier.apply(data, params)
    require_same_frame(second, first, "second apply", exact=True)
    require_same_frame(data, case.data, "input after apply", exact=True)
    require(json.dumps(params.split()[0]) == before, "apply changes the params")


def fit_ignores_row_order(case: Case) -> None:
    """Rows in another order teach the same."""
    if case.entry.kind is Kind.HISTORY or case.calculator.order_matters:
        return
    order = np.random.default_rng(1).permutation(case.data.height)
    require_same_params(case.fit(case.data[order], order), case.fit(case.data), "params")


def apply_follows_row_order(case: Case) -> None:
    """Rows in another order come out in that order."""
    if case.changes_rows or case.entry.kind is Kind.HISTORY:
        return
    order = np.random.default_rng(2).permutation(case.data.height)
    params = case.fit(case.data)
    require_same_frame(
        case.applier.apply(case.data[order], params), case.applier.apply(case.data, params)[order], "rows", exact=True
    )


def columns_are_bound_by_name(case: Case) -> None:
    """Columns in another order, and one more, change nothing."""
    params = case.fit(case.data)
    wanted = case.applier.apply(case.data, params)
    shuffled = case.data.select(reversed(case.data.columns)).with_columns(pl.lit("new").alias("one more"))
    found = case.applier.apply(shuffled, params)
    require("one more" in found.columns, "a column that the node does not know is lost")
    require_same_frame(found.select(wanted.columns), wanted, "shuffled columns", exact=True)


def infers_its_schema(case: Case) -> None:
    """The predicted schema is the one that comes out."""
    before = schema_of(case.data)
    predicted = case.infer_schema(before)
    after = schema_of(case.applier.apply(case.data, case.fit(case.data)))
    position = 0
    for column in predicted:
        members = _members(column, after, position)
        position += len(members)
        for member in members:
            require(member.dtype == column.dtype, f"{member.name} is {member.dtype}, predicted {column.dtype}")
            require(column.nullable or not member.nullable, f"{member.name} has nulls, predicted none")
    require(position == len(after), f"columns {after.names}, predicted {predicted.names}")


def _members(column: ColumnSchema, after: Schema, position: int) -> list[ColumnSchema]:
    """Return the columns from a position on that one predicted column stands for."""
    if not column.family:
        require(position < len(after) and after[position].name == column.name, f"{column.name} is not where predicted")
        return [after[position]]
    members = []
    while position < len(after) and column.covers(after[position].name):
        members.append(after[position])
        position += 1
    return members


def plan_equals_apply(case: Case) -> None:
    """Serving plan, by rows and by columns, gives what the frame gives."""
    if case.changes_rows:
        require(not case.applier.plan(case.fit(case.data)), "a row-changing node never runs at predict")
        return
    check_plan(case.applier, case.fit(case.data), case.data)


def training_rows_look_like_others(case: Case) -> None:
    """What a node makes of the rows that it learned from has the columns, types and order of all others."""
    params = case.fit(case.data)
    found = case.training_rows(params)
    if found is not None:
        require_same_frame(found.clear(), case.applier.apply(case.data, params).clear(), "training rows")
        require(found.height == case.data.height, f"{found.height} training rows of {case.data.height}")
        again = case.training_rows(params)
        require(again is not None and found.equals(again), "training rows change from run to run")


def rows_are_positions(case: Case) -> None:
    """A row-changing node names rows of its input."""
    if not isinstance(case.entry.applier, RowApplier):
        return
    rows = case.entry.applier.rows(case.data, case.fit(case.data))
    require(rows.dtype.kind == "i" and bool(((rows >= 0) & (rows < case.data.height)).all()), "not positions of rows")
    once = len(set(rows.tolist())) == len(rows)
    require(once or case.calculator.repeats_rows(case.config), "rows come twice, and the node does not say so")


def learns_nothing_where_stateless(case: Case) -> None:
    """A stateless node has the same params whatever the rows hold."""
    if case.entry.kind is Kind.STATELESS:
        require_same_params(case.fit(case.data.head(3)), case.fit(case.data.tail(40)), "params")


NODE_CHECKS = (
    params_round_trip, fit_leaves_its_input, apply_is_pure, fit_ignores_row_order, apply_follows_row_order,
    columns_are_bound_by_name, infers_its_schema, plan_equals_apply, training_rows_look_like_others, rows_are_positions,
    learns_nothing_where_stateless,
)  # fmt: skip
