"""What a column of the library can hold: whole numbers of 64 bits with a sign, moments of the years 1 to 9999."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from skyulf_core.problems import DataError

WIDE = frozenset({pl.UInt64, pl.Int128, pl.UInt128})
"""Integer types with values that Int64 cannot hold."""

_EPOCH = datetime(1970, 1, 1)
_UNITS = {"ms": timedelta(milliseconds=1), "us": timedelta(microseconds=1)}
_MOST_MILLISECONDS = (2**63 - 1) // 1000
_SMALL, _LARGE = -(2**63), 2**63 - 1


def is_too_wide(name: str) -> pl.Expr:
    """Return whether a column of a type in WIDE holds a number that Int64 cannot hold; None for an empty one."""
    column = pl.col(name)
    return (column.min() < pl.lit(_SMALL, pl.Int64)) | (column.max() > pl.lit(_LARGE, pl.Int64))


def strays(name: str, dtype: pl.DataType) -> pl.Expr | None:
    """Return how many values of a column of dates or durations lie outside of what can be held; None where none can."""
    bounds = _bounds(dtype)
    if bounds is None:
        return None
    stored = pl.col(name).to_physical()
    return ((stored < bounds[0]) | (stored > bounds[1])).sum()


def without_strays(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the column with null for what cannot be held."""
    bounds, column = _bounds(dtype), pl.col(name)
    return column if bounds is None else pl.when(column.to_physical().is_between(*bounds)).then(column)


def refuse_strays(data: pl.DataFrame) -> None:
    """Raise DataError for the first column with moments that cannot be held."""
    counts = [count.alias(name) for name, dtype in data.schema.items() if (count := strays(name, dtype)) is not None]
    found = data.select(counts).row(0, named=True) if counts else {}
    for name, count in found.items():
        refuse_if_any(name, data[name].dtype, count)


def refuse_if_any(name: str, dtype: pl.DataType, count: int) -> None:
    """Raise DataError where there are values that cannot be held."""
    if not count:
        return
    limits = "durations of more than 290,000 years" if dtype == pl.Duration else "dates outside of the years 1 to 9999"
    raise DataError(
        f"column {name!r} holds {limits} in {count} rows; set them to null, or correct their unit",
        reason="out-of-range",
        column=name,
    )


def _bounds(dtype: pl.DataType) -> tuple[int, int] | None:
    if dtype == pl.Date:
        return (date.min - _EPOCH.date()).days, (date.max - _EPOCH.date()).days
    if isinstance(dtype, pl.Datetime) and dtype.time_unit in _UNITS:  # nanoseconds end in 2262
        unit = _UNITS[dtype.time_unit]
        return (datetime.min - _EPOCH) // unit, (datetime.max - _EPOCH) // unit
    if isinstance(dtype, pl.Duration) and dtype.time_unit == "ms":
        return -_MOST_MILLISECONDS, _MOST_MILLISECONDS
    return None
