"""Profiles of datasets: few columns in memory at a time, so that size is bounded by the longest column."""

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
from pydantic import JsonValue

from skyulf_ingestion.child.columns import each_column

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 10
EXAMPLES = 5
SAMPLE_ROWS = 100

Report = Callable[[float, str], None]


def profile(parquet: Path, report: Report) -> dict[str, JsonValue]:
    """Describe every column of a Parquet file: types, nulls, distinct values, quantiles, histogram, warnings."""
    lazy = pl.scan_parquet(parquet)
    width = len(lazy.collect_schema())
    rows = int(lazy.select(pl.len()).collect().item())
    columns: list[JsonValue] = []
    missing = warnings = 0
    for position, (name, column) in enumerate(each_column(parquet)):
        report(0.5 + 0.5 * position / width, f"profile {name}")
        values = column.collect().to_series()
        dtype = values.dtype
        missing += values.null_count()
        found = list(_warnings(values, dtype, rows))
        warnings += len(found)
        columns.append({**_column(values, dtype, rows), "warnings": [*found]})
    return {"rows": rows, "columns": columns, "missing_cells": missing, "warnings": warnings}


def sample(parquet: Path, rows: int = SAMPLE_ROWS) -> list[JsonValue]:
    """Return the first rows as JSON objects."""
    return [_jsonable_row(row) for row in pl.scan_parquet(parquet).head(rows).collect().iter_rows(named=True)]


def logical_type(dtype: pl.DataType) -> str:
    """Name a polars type as Skyulf's schemas do."""
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    named = {pl.Boolean: "boolean", pl.Date: "date", pl.Datetime: "datetime", pl.Duration: "duration", pl.Time: "time"}
    return named.get(dtype.base_type(), "string")


def _column(values: pl.Series, dtype: pl.DataType, rows: int) -> dict[str, JsonValue]:
    present = values.drop_nulls()
    distinct = present.n_unique()
    described: dict[str, JsonValue] = {
        "name": values.name,
        "type": logical_type(dtype),
        "nulls": values.null_count(),
        "null_share": values.null_count() / rows if rows else 0.0,
        "distinct": distinct,
        "examples": [_jsonable(value) for value in present.unique(maintain_order=True).head(EXAMPLES)],
        "top_values": _top(present),
    }
    if dtype.is_numeric():
        described.update(_numbers(present.cast(pl.Float64)))
    elif dtype.is_temporal() and len(present):
        described.update(min=_jsonable(present.min()), max=_jsonable(present.max()))
    elif dtype == pl.String and len(present):
        lengths = present.str.len_chars()
        described.update(shortest=_integer(lengths.min()), longest=_integer(lengths.max()))
    return described


def _numbers(present: pl.Series) -> dict[str, JsonValue]:
    finite = present.filter(present.is_finite())
    figures: dict[str, JsonValue] = {"non_finite": len(present) - len(finite)}
    if not len(finite):
        return figures
    low, high = float(finite.min()), float(finite.max())  # type: ignore[arg-type]
    quantiles = {str(q): _jsonable(finite.quantile(q, interpolation="linear")) for q in QUANTILES}
    return {
        **figures,
        "min": low,
        "max": high,
        "mean": _jsonable(finite.mean()),
        "std": _jsonable(finite.std()),
        "quantiles": {**quantiles},
        "histogram": _histogram(finite, low, high),
    }


def _histogram(finite: pl.Series, low: float, high: float) -> dict[str, JsonValue]:
    if low == high or not math.isfinite(high - low):
        return {"edges": [low, high], "counts": [len(finite)]}
    width = (high - low) / BINS
    bins = ((finite - low) / width).floor().clip(0, BINS - 1).cast(pl.Int64)
    counted = dict(bins.value_counts().iter_rows())
    edges: list[JsonValue] = [low + width * step for step in range(BINS)]
    return {"edges": [*edges, high], "counts": [counted.get(step, 0) for step in range(BINS)]}


def _top(present: pl.Series) -> list[JsonValue]:
    counted = (
        present.rename("value").value_counts(name="count").sort("count", "value", descending=[True, False]).head(TOP)
    )
    return [{"value": _jsonable(value), "count": count} for value, count in counted.iter_rows()]


def _warnings(values: pl.Series, dtype: pl.DataType, rows: int) -> Iterator[dict[str, JsonValue]]:
    present, distinct = rows - values.null_count(), values.drop_nulls().n_unique()
    if not present:
        yield {"code": "all-null", "message": "Every value is missing."}
    elif distinct == 1:
        yield {"code": "constant", "message": "All values are the same."}
    elif dtype == pl.String and distinct == present and rows > 20:
        yield {"code": "unique", "message": "Every value is different: an identifier rather than a feature."}
    if rows and values.null_count() / rows > 0.5:
        yield {"code": "mostly-null", "message": "More than half of the values are missing."}
    if dtype == pl.String and present:
        numbers = values.str.contains(r"^[+-]?\d+(\.\d+)?$").sum() / present
        if 0.5 < numbers < 1:
            yield {"code": "mixed-types", "message": f"{numbers:.1%} of the values are numbers; the rest made it text."}
        elif numbers == 1:
            yield {
                "code": "numbers-as-text",
                "message": "Numbers that do not fit 64 bits or begin with zeros stay text.",
            }


def _integer(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _jsonable_row(row: dict[str, object]) -> dict[str, JsonValue]:
    return {name: _jsonable(value) for name, value in row.items()}


def _jsonable(value: object) -> JsonValue:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)
