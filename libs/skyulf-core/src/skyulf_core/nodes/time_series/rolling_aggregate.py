"""RollingAggregate: aggregates of the last rows."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast

import polars as pl
from pydantic import Field, field_validator, model_validator

from skyulf_core.nodes.base import Applier, Calculator, Kind
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.time_series.tails import (
    SORTABLE,
    HistoryConfig,
    follow,
    followed_columns,
    role_problems,
    tail_fields,
    tail_params,
    tail_series,
    without_tail,
)
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import NUMBER_LIKE, ColumnSchema, Schema
from skyulf_core.serving.ops import Op, Rolling

Aggregation: TypeAlias = Literal["mean", "sum", "min", "max", "std", "count", "median"]


class RollingAggregateConfig(HistoryConfig):
    """Which rows to aggregate, and how."""

    window: int = Field(
        default=3, ge=1, le=10_000, title="Window", description="How many rows are taken together, the row's own last."
    )
    aggregations: list[Aggregation] = Field(
        default=["mean"],
        min_length=1,
        title="Aggregations",
        description="std is that of samples (divided by n - 1); count is the number of values that are not missing.",
    )
    min_periods: int | None = Field(
        default=None,
        ge=1,
        title="Least values",
        description="With fewer values the result is missing. Left out: as many as the window has rows.",
    )
    closed: Literal["right", "left"] = Field(
        default="right",
        title="Closed",
        description="`right`: the window ends with the row itself; `left`: with the row before it.",
    )

    @field_validator("aggregations")
    @classmethod
    def _each_once(cls, aggregations: list[Aggregation]) -> list[Aggregation]:
        return list(dict.fromkeys(aggregations))

    @model_validator(mode="after")
    def _possible(self) -> RollingAggregateConfig:
        if self.min_periods is not None and self.min_periods > self.window:
            raise ValueError("min_periods cannot be larger than window")
        return self

    @property
    def depth(self) -> int:
        """How many earlier rows a window reaches back."""
        return self.window if self.closed == "left" else self.window - 1


class RollingAggregateApplier(Applier):
    """Aggregates over new rows, which follow on the tail of the training rows."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with the aggregates at its end (floats, counts as integers), rows as they came."""
        columns, aggregations = params.strings("columns"), params.strings("aggregations")
        if not columns:
            return data
        line, windows = follow(data, params), _op(params).windows()
        made = []
        for index, (name, outputs) in enumerate(zip(columns, params.lists("outputs"), strict=True)):
            values = pl.concat([tail_series(params, index, data[name]), data[name]]).cast(pl.Float64)
            numbers = values.to_numpy()[line.source]
            for out, aggregation in zip(outputs, aggregations, strict=True):
                found = pl.Series(str(out), windows.of_line(numbers, line, aggregation), nan_to_null=True)
                made.append(found.cast(pl.Int64) if aggregation == "count" else found)
        return data.with_columns(made)

    def plan(self, params: Params) -> list[Op]:
        """Return one rolling operation."""
        return [_op(params)]


def _op(params: Params) -> Rolling:
    return Rolling(
        **tail_fields(params),
        aggregations=tuple(params.strings("aggregations")),
        window=cast("int", params["window"]),
        min_periods=cast("int", params["min_periods"]),
        closed=params.text("closed"),
    )


@NodeRegistry.register("RollingAggregate", RollingAggregateApplier)
class RollingAggregateCalculator(Calculator[RollingAggregateConfig]):
    """Add the mean, sum, extremes, spread, count or median of the last rows, within groups and in the order of time.

    Columns are named `<column>_rolling_<aggregation>_<window>`, at the end; rows come out in the order in which they
    came in. Missing values are left out; with fewer than `min_periods` values the result is missing. As pandas'
    `groupby(...).rolling(window, min_periods, closed)` on sorted rows, except that each window is computed afresh (no
    rounding is carried along), that infinite values are not missing, and that a count is never missing.

    New rows follow on the last training rows of their group as they do in LagFeatures.

    >>> train = pl.DataFrame({"hour": [3, 1, 2], "load": [6.0, 1.0, 2.0]})
    >>> config = RollingAggregateConfig(columns=["load"], sort_by=["hour"], window=2, min_periods=1)
    >>> node = RollingAggregateCalculator()
    >>> params = node.fit(train, config)
    >>> node.training_rows(train, config, params)["load_rolling_mean_2"].to_list()
    [4.0, 1.0, 1.5]
    >>> new = pl.DataFrame({"hour": [5, 4], "load": [None, 8.0]})
    >>> RollingAggregateApplier().apply(new, params)["load_rolling_mean_2"].to_list()
    [8.0, 7.0]

    >>> RollingAggregateConfig(window=2, min_periods=3)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "time_series"
    kind = Kind.HISTORY
    keywords = ("rolling", "moving average", "window", "history", "time series", "trend")
    mixes_rows = True
    examples = (
        {},
        {
            "columns": ["number", "count"], "window": 4, "min_periods": 2, "sort_by": ["day"],
            "aggregations": ["mean", "sum", "min", "max", "std", "count", "median"],
        },
        {
            "columns": ["price", "flag"], "window": 3, "closed": "left", "group_by": ["plan"], "min_periods": 1,
            "sort_by": ["at", "count"], "aggregations": ["median", "std", "count"],
        },
        {"columns": ["large"], "window": 1, "aggregations": ["std", "sum"], "group_by": ["city"]},
        {"columns": []},
    )  # fmt: skip
    accepts = SORTABLE
    reference = "pandas.DataFrame.groupby(...).rolling"

    def check(self, schema: Schema, config: RollingAggregateConfig) -> list[Problem]:
        """Refuse types that do not fit what the columns are for."""
        return role_problems(schema, config, NUMBER_LIKE)

    def fit(self, data: pl.DataFrame, config: RollingAggregateConfig) -> Params:
        """Keep the last rows of every group, as many as a window reaches back."""
        columns = followed_columns(data, config, NUMBER_LIKE, len(config.aggregations))
        taken = set(data.columns)
        return Params(
            tail_params(data, config, columns, config.depth),
            outputs=[[free_name(out, taken) for out in _names(name, config)] for name in columns],
            aggregations=list(config.aggregations),
            window=config.window,
            min_periods=config.window if config.min_periods is None else config.min_periods,
            closed=config.closed,
        )

    def training_rows(self, data: pl.DataFrame, config: RollingAggregateConfig, params: Params) -> pl.DataFrame:
        """Return the training rows, which follow on nothing."""
        return RollingAggregateApplier().apply(data, Params(params | without_tail(params.strings("columns"))))

    def infer_schema(self, schema: Schema, config: RollingAggregateConfig) -> Schema:
        """Return the schema with the aggregates at its end."""
        taken = set(schema.names)
        return schema.append(
            ColumnSchema(free_name(out, taken), "integer" if count else "float", nullable=not count)
            for name in config.automatic(schema)
            for out, count in zip(_names(name, config), (a == "count" for a in config.aggregations), strict=True)
        )


def _names(column: str, config: RollingAggregateConfig) -> list[str]:
    return [f"{column}_rolling_{aggregation}_{config.window}" for aggregation in config.aggregations]
