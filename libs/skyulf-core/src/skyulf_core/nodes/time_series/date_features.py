"""DateFeatures: what models of time series need of dates beyond their parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias, cast

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Applier, Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import TEMPORAL, ColumnSchema, Dtype, Schema
from skyulf_core.serving.ops import Affine, Drop, Op
from skyulf_core.serving.ops import DateParts as DatePartsOp
from skyulf_core.serving.ops.calendar import MOST_WAVES
from skyulf_core.serving.ops.dates import Moments

Feature: TypeAlias = Literal[
    "elapsed_days", "elapsed_seconds", "seconds_of_day", "days_in_month", "is_quarter_start", "is_quarter_end",
    "is_year_start", "is_year_end", "is_leap_year",
]  # fmt: skip
Period: TypeAlias = Literal["daily", "weekly", "yearly"]

_ELAPSED = {"elapsed_days": 86_400.0, "elapsed_seconds": 1.0}


class DateFeaturesConfig(NodeConfig):
    """Which numbers to take out of a date."""

    columns: ColumnNames | None = columns_field("all date and datetime columns")
    features: list[Feature] = Field(
        default=["elapsed_days", "is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end"],
        title="Features",
        description="elapsed_…: since the column's first training date (negative before it).",
    )
    fourier: list[Period] = Field(
        default=[],
        title="Waves",
        description="Sine and cosine of the share of the day, the week (from Monday) or the year that has passed.",
    )
    fourier_order: int = Field(
        default=1,
        ge=1,
        le=MOST_WAVES,
        title="Number of waves",
        description="Waves per period: the second comes twice in it, the third three times, …",
        json_schema_extra={"x-visible-if": {"fourier": {"not": [[]]}}},
    )
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the dates themselves.")

    def outputs(self) -> list[str]:
        """Return the features that are written, waves last."""
        waves = (
            f"{period}_{wave}_{order}"
            for period in dict.fromkeys(self.fourier)
            for order in range(1, self.fourier_order + 1)
            for wave in ("sin", "cos")
        )
        return [*dict.fromkeys(self.features), *waves]


class DateFeaturesApplier(Applier):
    """Writes the features to columns of their own."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with booleans (`is_…`), whole numbers or floats at its end."""
        made: list[pl.Series] = []
        columns, features = params.strings("columns"), params.strings("features")
        for name, first, outputs in _parts(params):
            moments = Moments(data[name].cast(pl.Datetime("us")).to_numpy())
            for feature, out in zip(features, outputs, strict=True):
                numbers = moments.part(_part(feature))
                if feature in _ELAPSED:
                    numbers = (numbers - first) / _ELAPSED[feature]
                found = pl.Series(out, numbers, nan_to_null=True)
                made.append(found.cast({"boolean": pl.Boolean, "integer": pl.Int64}.get(_dtype(feature), pl.Float64)))
        kept = data.drop(columns) if params.flag("drop_original") else data
        return kept.with_columns(made)

    def plan(self, params: Params) -> list[Op]:
        """Return a date_parts operation per column, and one affine for the time since the first date."""
        ops: list[Op] = []
        features = params.strings("features")
        parts = tuple(_part(feature) for feature in features)
        for name, first, outputs in _parts(params):
            ops.append(DatePartsOp(column=name, parts=parts, outputs=outputs, drop_original=False))
            scales = {out: _ELAPSED[f] for out, f in zip(outputs, features, strict=True) if f in _ELAPSED}
            if scales:
                ops.append(Affine(tuple(scales), (first,) * len(scales), tuple(scales.values())))
        drop = [Drop(columns=tuple(params.strings("columns")))] if params.flag("drop_original") else []
        return [*ops, *drop]


def _parts(params: Params) -> Iterator[tuple[str, float, tuple[str, ...]]]:
    """Yield each column with its first date (in seconds since 1970) and its outputs."""
    named = zip(params.strings("columns"), params.numbers("first"), params.lists("outputs"), strict=True)
    for name, first, outputs in named:
        yield name, first, tuple(str(out) for out in outputs)


def _part(feature: str) -> str:
    return "epoch_seconds" if feature in _ELAPSED else feature


def _dtype(feature: str) -> Dtype:
    if feature.startswith("is_"):
        return "boolean"
    return "integer" if feature == "days_in_month" else "float"


@NodeRegistry.register("DateFeatures", DateFeaturesApplier)
class DateFeaturesCalculator(StreamingCalculator[DateFeaturesConfig]):
    """Turn dates into the time since training began, ends of quarters and years, and waves of day, week and year.

    Columns are named `<column>_<feature>`, waves `<column>_<period>_sin_<n>` and `…_cos_<n>`, at the end of the frame;
    a missing date gives missing features. A wave is the sine or cosine of `2π · n · share`, where share is how much of
    the day, the week from Monday or the calendar year (365 or 366 days) has passed.

    >>> from datetime import datetime
    >>> data = pl.DataFrame({"at": [datetime(2024, 3, 31, 6), datetime(2024, 1, 1)]})
    >>> config = DateFeaturesConfig(features=["elapsed_days", "is_quarter_end"], fourier=["daily"])
    >>> made = DateFeaturesApplier().apply(data, DateFeaturesCalculator().fit(data, config))
    >>> made.drop("at_daily_cos_1").to_dict(as_series=False)
    {'at_elapsed_days': [90.25, 0.0], 'at_is_quarter_end': [True, False], 'at_daily_sin_1': [1.0, 0.0]}

    >>> empty = pl.DataFrame({"at": [None]}, schema={"at": pl.Date})
    >>> DateFeaturesCalculator().fit(empty, config)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'at' has no date in the training rows to count the time from; name other \
columns, or leave out elapsed_days and elapsed_seconds
    """

    family = "time_series"
    kind = Kind.LEARNED
    keywords = ("date", "time", "trend", "elapsed", "fourier", "seasonality", "quarter", "calendar")
    examples = (
        {},
        {"columns": ["at"], "features": ["elapsed_seconds", "seconds_of_day", "days_in_month", "is_leap_year"]},
        {"fourier": ["daily", "weekly", "yearly"], "fourier_order": 3, "drop_original": False},
        {"columns": ["day"], "features": [], "fourier": ["yearly"], "fourier_order": 10},
        {"columns": []},
    )
    accepts = TEMPORAL
    reference = "pandas.Series.dt, and sin(2π · order · share of the period) in plain Python"

    def learn(self, frame: pl.LazyFrame, config: DateFeaturesConfig) -> Params:
        """Learn the first date of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, TEMPORAL)
        found = frame.select(pl.col(name).cast(pl.Datetime("us")).min().dt.epoch("us") for name in columns)
        first = cast("list[int | None]", list(found.collect().row(0))) if columns else []
        for name, value in zip(columns, first, strict=True):
            if value is None and not _ELAPSED.keys().isdisjoint(config.features):
                message = (
                    f"column {name!r} has no date in the training rows to count the time from; name other columns, "
                    "or leave out elapsed_days and elapsed_seconds"
                )
                raise DataError(message, reason="all-null-column", column=name)
        taken = set(frame.collect_schema().names()) - (set(columns) if config.drop_original else set())
        features = config.outputs()
        return Params(
            columns=columns,
            first=[(value or 0) / 1e6 for value in first],
            features=features,
            outputs=[[free_name(f"{name}_{feature}", taken) for feature in features] for name in columns],
            drop_original=config.drop_original,
        )

    def infer_schema(self, schema: Schema, config: DateFeaturesConfig) -> Schema:
        """Return the schema with the features at its end."""
        columns = chosen(config.columns, schema, TEMPORAL)
        kept = schema.drop(columns) if config.drop_original else schema
        taken = set(kept.names)
        return kept.append(
            ColumnSchema(free_name(f"{column.name}_{feature}", taken), _dtype(feature), nullable=column.nullable)
            for column in schema.select(columns)
            for feature in config.outputs()
        )
