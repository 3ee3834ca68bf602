"""LagFeatures: what a column was some rows before."""

from __future__ import annotations

from typing import Annotated

import polars as pl
from pydantic import Field, StrictInt, field_validator

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
from skyulf_core.schema import NUMBER_LIKE, TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Lag, Op

_FOLLOWED = NUMBER_LIKE | TEXT


class LagFeaturesConfig(HistoryConfig):
    """How far to look back."""

    lags: list[Annotated[StrictInt, Field(ge=1, le=10_000)]] = Field(
        default=[1],
        min_length=1,
        max_length=100,
        title="Lags",
        description="How many rows before: 1 is the row just before.",
    )

    @field_validator("lags")
    @classmethod
    def _each_once(cls, lags: list[int]) -> list[int]:
        return list(dict.fromkeys(lags))


class LagFeaturesApplier(Applier):
    """Looks back from new rows, which follow on the tail of the training rows."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with the lagged columns at its end, rows in the order in which they came."""
        columns = params.strings("columns")
        if not columns:
            return data
        line = follow(data, params)
        sources = [line.lagged(int(lag)) for lag in params.numbers("lags")]
        places = [pl.Series(source).replace(-1, None) for source in sources]
        made = []
        for index, (name, outputs) in enumerate(zip(columns, params.lists("outputs"), strict=True)):
            values = pl.concat([tail_series(params, index, data[name]), data[name]])
            made += [values.gather(at).alias(str(out)) for out, at in zip(outputs, places, strict=True)]
        return data.with_columns(made)

    def plan(self, params: Params) -> list[Op]:
        """Return one lag operation."""
        return [Lag(**tail_fields(params), lags=tuple(int(lag) for lag in params.numbers("lags")))]


@NodeRegistry.register("LagFeatures", LagFeaturesApplier)
class LagFeaturesCalculator(Calculator[LagFeaturesConfig]):
    """Add what columns were some rows before, within groups and in the order of time.

    Columns are named `<column>_lag_<n>`, at the end; rows come out in the order in which they came in. Without so many
    rows before, and where the value then was missing, the result is missing. As pandas' `groupby(...).shift(n)` on
    sorted rows, for texts and booleans too, and whole numbers stay whole.

    New rows follow on the last training rows of their group, whatever `sort_by` says of both: a batch of rows in
    `sort_by` order, one row alone as the next one. Rows of equal or missing `sort_by` (these come last) keep their
    order. A group that training did not see starts without a past. So split by time (TimeSplit), and mind that with
    validation rows or a gap in between the first test rows look back on training rows, not on those left out.
    At most 100,000 groups are remembered.

    >>> train = pl.DataFrame({"shop": ["a", "b", "a"], "day": [2, 1, 1], "sold": [20, 5, 10]})
    >>> config = LagFeaturesConfig(columns=["sold"], group_by=["shop"], sort_by=["day"])
    >>> node = LagFeaturesCalculator()
    >>> params = node.fit(train, config)
    >>> node.training_rows(train, config, params)["sold_lag_1"].to_list()
    [10, None, None]
    >>> new = pl.DataFrame({"shop": ["a", "b", "c", "a"], "day": [4, 2, 3, 3], "sold": [40, 6, 7, 30]})
    >>> LagFeaturesApplier().apply(new, params)["sold_lag_1"].to_list()
    [30, 5, None, 20]

    >>> node.fit(train, LagFeaturesConfig(sort_by=["hour"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'hour'; the columns are: 'shop', 'day', 'sold'
    """

    family = "time_series"
    kind = Kind.HISTORY
    keywords = ("lag", "shift", "previous", "history", "time series", "autoregressive")
    mixes_rows = True
    examples = (
        {},
        {"columns": ["number", "count"], "lags": [1, 3, 12], "sort_by": ["day"]},
        {"columns": ["price", "flag", "city"], "lags": [2], "group_by": ["plan", "flag"], "sort_by": ["at", "count"]},
        {"columns": ["large"], "lags": [100], "group_by": ["city"]},
        {"columns": []},
    )
    accepts = SORTABLE
    reference = "pandas.DataFrame.groupby(...).shift"
    tolerance = 0.0

    def check(self, schema: Schema, config: LagFeaturesConfig) -> list[Problem]:
        """Refuse types that do not fit what the columns are for."""
        return role_problems(schema, config, _FOLLOWED)

    def fit(self, data: pl.DataFrame, config: LagFeaturesConfig) -> Params:
        """Keep the last rows of every group, as many as the longest lag."""
        columns = followed_columns(data, config, _FOLLOWED, len(config.lags))
        taken = set(data.columns)
        outputs = [[free_name(f"{name}_lag_{lag}", taken) for lag in config.lags] for name in columns]
        return Params(tail_params(data, config, columns, max(config.lags)), outputs=outputs, lags=config.lags)

    def training_rows(self, data: pl.DataFrame, config: LagFeaturesConfig, params: Params) -> pl.DataFrame:
        """Return the training rows, which follow on nothing."""
        return LagFeaturesApplier().apply(data, Params(params | without_tail(params.strings("columns"))))

    def infer_schema(self, schema: Schema, config: LagFeaturesConfig) -> Schema:
        """Return the schema with the lagged columns, of the same types, at its end."""
        taken = set(schema.names)
        return schema.append(
            ColumnSchema(free_name(f"{column.name}_lag_{lag}", taken), column.dtype)
            for column in schema.select(config.automatic(schema))
            for lag in config.lags
        )
