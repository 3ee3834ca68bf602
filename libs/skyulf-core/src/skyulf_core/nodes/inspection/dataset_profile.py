"""DatasetProfile: counts and statistics of every column, kept with the pipeline."""

from __future__ import annotations

import math
from typing import cast

import polars as pl
from pydantic import Field

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy, columns_field
from skyulf_core.nodes.inspection.json_values import json_value
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.scaling.statistics import moments_of
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import DTYPES, NUMBER_LIKE, NUMERIC, TEMPORAL, TEXT, Dtype, Schema

_MOST_COLUMNS = 2_000
_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_PROFILED: frozenset[Dtype] = frozenset(DTYPES) - {"other"}


class DatasetProfileConfig(NodeConfig):
    """What is looked at."""

    columns: ColumnNames | None = columns_field("all columns but lists, structures and bytes")
    top: int = Field(
        default=10, ge=0, le=100, title="Top values", description="So many of the most frequent values are kept."
    )


class DatasetProfileApplier(LazyApplier):
    """Changes nothing."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame as it is."""
        return frame


@NodeRegistry.register("DatasetProfile", DatasetProfileApplier)
class DatasetProfileCalculator(StreamingCalculator[DatasetProfileConfig]):
    """Keep counts, statistics and frequent values of every column at this point of the pipeline, changing nothing.

    Params hold `rows` and, per column: `count` (values), `missing`, `distinct`, `min`, `max`, `mean`, `std` (ddof 1),
    `quantiles` (interpolated linearly) and `top` (most frequent first, equally frequent ones in order). Texts have no
    mean, dates no standard deviation; what cannot be said is null.

    >>> data = pl.DataFrame({"age": [30, 40, 40, None], "plan": ["a", "b", "a", "a"]})
    >>> age, plan = DatasetProfileCalculator().fit(data, DatasetProfileConfig(top=1))["columns"]
    >>> age["count"], age["missing"], age["distinct"], age["max"], age["quantiles"]["0.5"], plan["top"]
    (3, 1, 2, 40, 40.0, [{'value': 'a', 'count': 3}])

    >>> DatasetProfileCalculator().fit(data, DatasetProfileConfig(columns=["c"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'c'; the columns are: 'age', 'plan'
    """

    family = "inspection"
    kind = Kind.LEARNED
    keywords = ("profile", "describe", "statistics", "summary", "distribution", "missing", "quantiles")
    examples = ({}, {"columns": ["number", "plan", "at", "day", "flag"], "top": 2}, {"top": 0}, {"columns": []})
    accepts = _PROFILED
    reference = "pandas.DataFrame.describe, nunique and value_counts"

    def learn(self, frame: pl.LazyFrame, config: DatasetProfileConfig) -> Params:
        """Learn everything about all columns, in one query, and deviations in two more."""
        columns = chosen_lazy(frame, config.columns, _PROFILED)
        if len(columns) > _MOST_COLUMNS:
            message = f"{len(columns)} columns; at most {_MOST_COLUMNS} are profiled: name some"
            raise DataError(message, reason="too-many-columns")
        known = {name: dtype_of(dtype) for name, dtype in frame.collect_schema().items()}
        parts = {(name, key): part for name in columns for key, part in _parts(name, known[name], config.top).items()}
        query = [pl.len().alias("rows"), *(part.alias(f"{index}") for index, part in enumerate(parts.values()))]
        rows, *values = frame.select(query).collect().row(0)
        found = dict(zip(parts, values, strict=True)) | _deviations(frame, [n for n in columns if known[n] in NUMERIC])
        return Params(rows=rows, columns=[_column(name, known[name], rows, found) for name in columns])

    def infer_schema(self, schema: Schema, config: DatasetProfileConfig) -> Schema:
        """Return the same columns."""
        return schema


def _parts(name: str, dtype: Dtype, top: int) -> dict[str, pl.Expr]:
    """Return the aggregations of one column."""
    column = pl.col(name)
    values = column.drop_nulls()
    parts = {"missing": column.null_count(), "distinct": values.n_unique(), "min": column.min(), "max": column.max()}
    if dtype in NUMBER_LIKE | TEMPORAL:
        parts["mean"] = column.mean()
    if dtype in NUMERIC:
        number = column.cast(pl.Float64)
        parts |= {f"q{level}": number.quantile(level, interpolation="linear") for level in _LEVELS}
    if top and dtype in NUMBER_LIKE | TEXT | TEMPORAL:
        # counted once, then sorted within the list: counted again, the values would come in another order
        pair = pl.element()
        order = [pair.struct.field("\n"), pair.struct.field(name)]
        counted = values.value_counts(name="\n").implode()
        parts["top"] = counted.list.eval(pair.sort_by(order, descending=[True, False]).head(top))
    return parts


def _deviations(frame: pl.LazyFrame, columns: list[str]) -> dict[tuple[str, str], object]:
    """Return the standard deviations (ddof 1) of columns of numbers, None where there are not two values."""
    moments = moments_of(frame, columns, usable=lambda _, values: values)
    return {
        (name, "std"): math.sqrt(max(variance, 0.0) * (count / (count - 1.0)))
        for name, (_, variance, count) in zip(columns, moments, strict=True)
        if variance is not None and count is not None and count > 1.0 and not math.isnan(variance)
    }


def _column(name: str, dtype: Dtype, rows: int, found: dict[tuple[str, str], object]) -> dict[str, object]:
    missing = cast("int", found[name, "missing"])
    statistics = {key: json_value(found.get((name, key))) for key in ("min", "max", "mean", "std")}
    levels = {f"{level}": json_value(found[name, f"q{level}"]) for level in _LEVELS if (name, f"q{level}") in found}
    top = cast("list[dict[str, object]]", found.get((name, "top")) or [])
    return {
        "name": name, "dtype": dtype, "count": rows - missing, "missing": missing,
        "distinct": cast("int", found[name, "distinct"]), **statistics, "quantiles": levels or None,
        "top": [{"value": json_value(item[name]), "count": cast("int", item["\n"])} for item in top],
    }  # fmt: skip
