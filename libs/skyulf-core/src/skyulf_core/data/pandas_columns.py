"""Columns of pandas frames as polars series, or why not."""

from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl

from skyulf_core.problems import DataError

if TYPE_CHECKING:
    import pandas as pd

_LOOKED_AT = 10_000
_KINDS_SHOWN = 5


def series_of(name: str, column: pd.Series[Any]) -> pl.Series:
    """Return a column of a pandas frame. Raises DataError for one that mixes types, or is of none that is read."""
    try:
        if column.dtype == object and {date, datetime} <= {type(value) for value in column}:
            raise TypeError("the time of day would be lost")
        return pl.Series(name, pl.from_pandas(_plain(column)))
    except (Exception, pl.exceptions.PanicException) as error:  # polars and pyarrow raise many kinds for such a column
        raise DataError(_why_not(name, column), reason="mixed-types", column=name) from error


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return sparse columns as dense ones, times of any zone in UTC (a fixed offset has no name)."""
    import pandas as pd

    if isinstance(column.dtype, pd.SparseDtype):
        return column.astype(column.dtype.subtype)
    return column.dt.tz_convert("UTC") if isinstance(column.dtype, pd.DatetimeTZDtype) else column


def _why_not(name: str, column: pd.Series[Any]) -> str:
    wanted = "convert it to numbers, texts, booleans or dates"
    present = column.dropna()
    kinds = {type(value).__name__ for value in islice(present, _LOOKED_AT)}
    if str(column.dtype) != "object" and len(kinds) < 2:
        return f"column {name!r} has the pandas type {column.dtype}, which is not read here; {wanted}"
    shown = ", ".join(sorted(kinds)[:_KINDS_SHOWN])
    if len(kinds) > 1:
        return f"column {name!r} mixes types ({shown}); {wanted}"
    if kinds == {"str"}:
        return f"column {name!r} holds texts that are not valid Unicode; decode them again, with their own encoding"
    return f"column {name!r} holds {shown} values that fit into no column; {wanted}"
