"""Profiles of datasets, one column after the other.

A column is counted while it is read; everything but its examples follows from its values and how often each occurs.
So what is in memory grows with the number of different values, which is the whole column only where all differ.
"""

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_ingestion.child.column_types import DATE, FAR_DATE, MOMENT, is_beyond, is_date, is_moment
from skyulf_ingestion.child.columns import each_column

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 20
TOP = 10
EXAMPLES = 5
SAMPLE_ROWS = 100
HEAD_ROWS = 10_000
NUMBER = r"^[+-]?\d+(\.\d+)?$"

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
        counted = _counted(column, name)
        nulls = rows - int(counted["count"].sum())
        missing += nulls
        found = list(_warnings(counted, nulls, rows))
        warnings += len(found)
        described = {"name": name, **_column(counted, nulls, rows), "examples": _examples(column, name, len(counted))}
        columns.append({**described, "warnings": [*found]})
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


def _counted(column: pl.LazyFrame, name: str) -> pl.DataFrame:
    """The different values of a column and how often each occurs, without nulls."""
    values = column.select(pl.col(name).alias("value")).drop_nulls()
    return values.group_by("value").agg(pl.len().cast(pl.Int64).alias("count")).collect(engine="streaming")


def _examples(column: pl.LazyFrame, name: str, distinct: int) -> list[JsonValue]:
    """The first different values."""
    wanted = min(EXAMPLES, distinct)
    values = pl.col(name).drop_nulls().unique(maintain_order=True).head(EXAMPLES)
    found = column.head(HEAD_ROWS).select(values).collect().to_series()
    if len(found) < wanted:
        first = column.with_row_index("row").drop_nulls(name).group_by(name).agg(pl.col("row").min())
        found = first.bottom_k(EXAMPLES, by="row").collect(engine="streaming").sort("row").get_column(name)
    return [_jsonable(value) for value in found]


def _column(counted: pl.DataFrame, nulls: int, rows: int) -> dict[str, JsonValue]:
    values = counted["value"]
    described: dict[str, JsonValue] = {
        "type": logical_type(values.dtype),
        "nulls": nulls,
        "null_share": nulls / rows if rows else 0.0,
        "distinct": len(values),
        "top_values": _top(counted),
    }
    if values.dtype.is_numeric():
        described.update(_numbers(counted, present=rows - nulls))
    elif values.dtype.is_temporal() and len(values):
        described.update(min=_jsonable(values.min()), max=_jsonable(values.max()))
    elif values.dtype == pl.String and len(values):
        lengths = values.str.len_chars()
        described.update(shortest=_integer(lengths.min()), longest=_integer(lengths.max()))
    return described


def _numbers(counted: pl.DataFrame, *, present: int) -> dict[str, JsonValue]:
    # numpy, since a query of its own for each figure would be most of the work in a wide table
    values, counts = counted["value"].cast(pl.Float64).to_numpy(), counted["count"].to_numpy()
    order = np.argsort(values, kind="stable")
    order = order[np.isfinite(values[order])]
    values, counts = values[order], counts[order]
    total = int(counts.sum())
    figures: dict[str, JsonValue] = {"non_finite": present - total}
    if not total:
        return figures
    low, high = float(values[0]), float(values[-1])
    with np.errstate(over="ignore", invalid="ignore"):  # of values near the largest float; said as "inf" or "nan"
        mean = float((values * counts).sum() / total)
        deviations = values - mean
        spread = float((deviations * deviations * counts).sum())
    return {
        **figures,
        "min": low,
        "max": high,
        "mean": _jsonable(mean),
        "std": _jsonable(math.sqrt(spread / (total - 1)) if total > 1 else None),
        "quantiles": _quantiles(values, counts.cumsum(), total),
        "histogram": _histogram(values, counts),
    }


def _quantiles(values: NDArray[np.float64], upto: NDArray[np.int64], total: int) -> dict[str, JsonValue]:
    """Linear interpolation between the two nearest of all values, each repeated as often as it occurs."""
    places = [(total - 1) * q for q in QUANTILES]
    ranks = [rank for place in places for rank in (int(place), math.ceil(place))]
    nearest = values[np.searchsorted(upto, ranks, side="right")].tolist()
    return {
        str(q): _jsonable(below + (above - below) * (place - int(place)))
        for q, place, below, above in zip(QUANTILES, places, nearest[::2], nearest[1::2], strict=True)
    }


def _histogram(values: NDArray[np.float64], counts: NDArray[np.int64]) -> dict[str, JsonValue]:
    low, high = float(values[0]), float(values[-1])
    if low == high or not math.isfinite(high - low):
        return {"edges": [low, high], "counts": [int(counts.sum())]}
    width = (high - low) / BINS
    bins = np.clip(np.floor((values - low) / width), 0, BINS - 1).astype(np.intp)
    held = np.zeros(BINS, dtype=np.int64)
    np.add.at(held, bins, counts)
    edges: list[JsonValue] = [low + width * step for step in range(BINS)]
    return {"edges": [*edges, high], "counts": [*map(int, held)]}


def _top(counted: pl.DataFrame) -> list[JsonValue]:
    most = counted.sort("count", "value", descending=[True, False]).head(TOP)
    return [{"value": _jsonable(value), "count": count} for value, count in most.iter_rows()]


def _warnings(counted: pl.DataFrame, nulls: int, rows: int) -> Iterator[dict[str, JsonValue]]:
    present, distinct, text = rows - nulls, len(counted), counted["value"].dtype == pl.String
    if not present:
        yield {"code": "all-null", "message": "Every value is missing."}
    elif distinct == 1:
        yield {"code": "constant", "message": "All values are the same."}
    elif text and distinct == present and rows > 20:
        yield {"code": "unique", "message": "Every value is different: an identifier rather than a feature."}
    if rows and nulls / rows > 0.5:
        yield {"code": "mostly-null", "message": "More than half of the values are missing."}
    if text and present:
        numbers = int(counted.filter(pl.col("value").str.contains(NUMBER))["count"].sum()) / present
        yield from _mixed(numbers, "numbers")
        dates, beyond = _dates(counted)
        yield from _mixed(dates / present, "dates")
        yield from _beyond(beyond)
        if numbers == 1:
            yield {
                "code": "numbers-as-text",
                "message": "Numbers that do not fit 64 bits or begin with zeros stay text.",
            }


def _mixed(share: float, what: str) -> Iterator[dict[str, JsonValue]]:
    if 0.5 <= share < 1:
        said = f"{min(share, 0.999):.1%} of the values are {what}; the rest made it text."
        yield {"code": "mixed-types", "message": said}


def _beyond(rows: int) -> Iterator[dict[str, JsonValue]]:
    if rows:
        said = f"Dates outside of the years 1 to 9999 (in UTC) in {rows} row{'s' if rows > 1 else ''}"
        yield {"code": "dates-out-of-range", "message": f"{said}: the column stays text; correct or empty them."}


def _dates(counted: pl.DataFrame) -> tuple[int, int]:
    """In how many rows there are dates or moments, and in how many such ones that no column of them can hold."""
    values = pl.col("value")
    # few texts have the form of a date, and only those are parsed
    written = counted.filter(values.str.contains(f"{DATE}|{MOMENT}|{FAR_DATE}"))
    if written.is_empty():
        return 0, 0
    known = written.with_columns((is_date(values) | is_moment(values)).alias("held"))
    beyond = known.filter(~pl.col("held")).filter(is_beyond(values))
    return int(known.filter("held")["count"].sum()), int(beyond["count"].sum())


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
