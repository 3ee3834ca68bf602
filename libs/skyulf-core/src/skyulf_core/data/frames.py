"""Frames in and out: polars inside, pandas welcome at the edges, the same library comes out.

Inside the library: integers are Int64 (UInt64 only where a value needs it), floats Float64 with null for NaN,
categories are strings, datetimes are microseconds without zone, in UTC.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.problems import DataError
from skyulf_core.schema import ColumnSchema, Dtype, Schema

if TYPE_CHECKING:
    import pandas as pd

Frame: TypeAlias = Union[pl.DataFrame, pl.LazyFrame, "pd.DataFrame"]
FrameT = TypeVar("FrameT", pl.DataFrame, "pd.DataFrame")

_INT64_MAX = 2**63 - 1


def to_polars(frame: Frame) -> pl.DataFrame:
    """Return a polars frame with the same columns (types as they are).

    Raises DataError for duplicate, empty or non-string names, and for columns that mix types.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        _check_names(frame.columns)
        return frame
    if not _is_pandas(frame):
        raise DataError(f"expected a polars or pandas DataFrame, not {type(frame).__name__}", reason="not-a-frame")
    _check_names(list(frame.columns))
    return pl.DataFrame([_series(str(name), frame[name]) for name in frame.columns])


def _is_pandas(frame: object) -> bool:
    return type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "columns")


def _series(name: str, column: pd.Series[Any]) -> pl.Series:
    try:
        return pl.Series(name, pl.from_pandas(column))
    except Exception as error:  # polars and pyarrow raise many kinds for a mixed column
        raise DataError(
            f"column {name!r} mixes types or holds objects: {error}", reason="mixed-types", column=name
        ) from error


def _check_names(names: list[object] | list[str]) -> None:
    for name, count in Counter(names).items():
        if not isinstance(name, str) or not name:
            raise DataError(f"column names must be texts; {name!r} is not", reason="invalid-column-name")
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            raise DataError(
                f"column {name!r} has a name that stands for a pattern of names; rename it",
                reason="invalid-column-name",
                column=name,
            )
        if count > 1:
            raise DataError(f"column {name!r} occurs {count} times", reason="duplicate-columns", column=name)


def to_library_of(original: Frame, result: pl.DataFrame) -> pl.DataFrame | pd.DataFrame:
    """Return the result as the library of `original`; a pandas index is kept where the rows are the same."""
    if isinstance(original, pl.DataFrame | pl.LazyFrame):
        return result
    converted = result.to_pandas()
    if len(converted) == len(original):
        converted.index = original.index
    return converted


def series_like(original: Frame, name: str, values: list[object] | NDArray[np.generic]) -> pl.Series | pd.Series[Any]:
    """Return values as a series of the library of `original`, with its index."""
    if isinstance(original, pl.DataFrame | pl.LazyFrame):
        return pl.Series(name, values)
    import pandas as pd

    return pd.Series(values, index=original.index, name=name)


def dtype_of(dtype: pl.DataType) -> Dtype:
    """Return the logical type of a polars type."""
    if dtype.is_integer():
        return "integer"
    if dtype.is_float() or dtype.is_decimal() or dtype == pl.Null:
        return "float"
    simple: dict[type[pl.DataType], Dtype] = {
        pl.Boolean: "boolean", pl.String: "string", pl.Categorical: "category", pl.Enum: "category",
        pl.Date: "date", pl.Datetime: "datetime", pl.Time: "time", pl.Duration: "duration",
    }  # fmt: skip
    return simple.get(dtype.base_type(), "other")


def schema_of(data: pl.DataFrame | pl.LazyFrame) -> Schema:
    """Return the schema of a polars frame; nullable where there are nulls (or NaN) now."""
    types = data.collect_schema()
    nulls = data.lazy().select(_null_count(name, dtype) for name, dtype in types.items())
    counts = nulls.collect().row(0) if types else ()
    return Schema(
        ColumnSchema(name, dtype_of(dtype), nullable=bool(count))
        for (name, dtype), count in zip(types.items(), counts, strict=True)
    )


def _null_count(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return (column.is_null() | column.is_nan()).sum() if dtype.is_float() else column.null_count()


def normalise(data: pl.DataFrame) -> pl.DataFrame:
    """Return the frame in the types that the library uses inside (see above)."""
    data = data.with_columns(_changes(data.schema))
    unsigned = [name for name, dtype in data.schema.items() if dtype == pl.UInt64]
    small = [name for name in unsigned if cast("int", data[name].max() or 0) <= _INT64_MAX]
    return data.with_columns(pl.col(name).cast(pl.Int64) for name in small)


def normalise_lazy(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the query of the frame in the types that the library uses inside; UInt64 stays what it is."""
    return frame.with_columns(_changes(frame.collect_schema()))


def _changes(types: pl.Schema) -> list[pl.Expr]:
    return [change for name, dtype in types.items() if (change := _normal(name, dtype)) is not None]


def _normal(name: str, dtype: pl.DataType) -> pl.Expr | None:
    column = pl.col(name)
    if dtype == pl.Float64:
        return column.fill_nan(None)
    if dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_integer():
        return None if dtype in (pl.Int64, pl.UInt64) else column.cast(pl.Float64 if dtype == pl.Int128 else pl.Int64)
    if dtype.is_decimal() or dtype == pl.Null:
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime):
        zoned = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else column
        return zoned.cast(pl.Datetime("us"))
    return column.cast(pl.String) if isinstance(dtype, pl.Categorical | pl.Enum) else None


def require_columns(data: pl.DataFrame, names: list[str], *, node: str | None = None) -> None:
    """Raise DataError that names the first column that is not there, and how many others."""
    missing = [name for name in names if name not in data.columns]
    if missing:
        shown = ", ".join(repr(name) for name in missing[:5]) + (", …" if len(missing) > 5 else "")
        raise DataError(f"missing columns: {shown}", reason="missing-column", column=missing[0], node=node)
