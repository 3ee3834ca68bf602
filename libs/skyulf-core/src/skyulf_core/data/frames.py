"""Frames in and out: polars inside, pandas welcome at the edges, the same library comes out.

Inside the library: integers are Int64 (whole numbers that need more bits are floats), floats Float64 with null for NaN,
categories are strings, datetimes are microseconds without zone, in UTC, of the years 1 to 9999.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, Union

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.limits import WIDE, is_too_wide, refuse_if_any, refuse_strays, strays, without_strays
from skyulf_core.data.pandas_columns import series_of
from skyulf_core.problems import DataError, known_columns
from skyulf_core.schema import ColumnSchema, Dtype, Schema

if TYPE_CHECKING:
    import pandas as pd

Frame: TypeAlias = Union[pl.DataFrame, pl.LazyFrame, "pd.DataFrame"]
FrameT = TypeVar("FrameT", pl.DataFrame, "pd.DataFrame")


def to_polars(frame: Frame) -> pl.DataFrame:
    """Return a polars frame with the same columns (types as they are).

    Raises DataError for duplicate, empty or non-string names, for columns that mix types, and for a query that fails.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = _collected(frame)
    if isinstance(frame, pl.DataFrame):
        _check_names(frame.columns)
        _check_types(frame.schema)
        return frame
    if not _is_pandas(frame):
        raise DataError(f"expected a polars or pandas DataFrame, not {type(frame).__name__}", reason="not-a-frame")
    _check_names(list(frame.columns))
    return pl.DataFrame([series_of(str(name), frame[name]) for name in frame.columns])


def _is_pandas(frame: object) -> bool:
    return type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "columns")


def _collected(frame: pl.LazyFrame) -> pl.DataFrame:
    """Run a query. Raises DataError for one that fails, or reads a file that is not there."""
    try:
        return frame.collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"the query of the LazyFrame cannot be run: {reason}", reason="broken-query") from error


def _check_types(types: pl.Schema) -> None:
    for name, dtype in types.items():
        if dtype == pl.Object:
            message = f"column {name!r} holds Python objects; convert it to numbers, texts, booleans or dates"
            raise DataError(message, reason="mixed-types", column=name)


def _check_names(names: list[object] | list[str]) -> None:
    for name, count in Counter(names).items():
        if not isinstance(name, str) or not name or not _is_unicode(name):
            raise DataError(f"column names must be texts; {name!r} is not; rename it", reason="invalid-column-name")
        if name == "*" or (name.startswith("^") and name.endswith("$")):
            raise DataError(
                f"column {name!r} has a name that stands for a pattern of names; rename it",
                reason="invalid-column-name",
                column=name,
            )
        if count > 1:
            raise DataError(f"column {name!r} occurs {count} times", reason="duplicate-columns", column=name)


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


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
    """Return the schema of a polars frame; nullable where there are nulls (or NaN) now.

    Raises DataError for dates and durations that the library cannot hold.
    """
    types = types_of(data)
    counts = _collected(data.lazy().select(_counts(types))).row(0, named=True) if types else {}
    for name, dtype in types.items():
        refuse_if_any(name, dtype, counts.get(f"stray {name}", 0))
    return Schema(
        ColumnSchema(
            name,
            "float" if counts.get(f"wide {name}") else dtype_of(dtype),
            nullable=bool(counts[f"null {name}"]),
        )
        for name, dtype in types.items()
    )


def types_of(data: pl.DataFrame | pl.LazyFrame) -> pl.Schema:
    """Return names and types of the columns. Raises DataError for those that the library cannot use.

    So does a query that polars cannot plan, as one of a column that is not there.
    """
    try:
        types = data.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).split("\n", 1)[0]
        raise DataError(f"the query of the LazyFrame cannot be run: {reason}", reason="broken-query") from error
    _check_names(types.names())
    _check_types(types)
    return types


def refuse_strays_lazily(frame: pl.LazyFrame, names: list[str]) -> None:
    """Raise DataError for the first of these columns with moments that cannot be held, by a query that counts them.

    Nothing is run where no type of the columns has such moments.
    """
    types = frame.collect_schema()
    counts = [count.alias(name) for name in names if (count := strays(name, types[name])) is not None]
    found = _collected(frame.select(counts)).row(0, named=True) if counts else {}
    for name, count in found.items():
        refuse_if_any(name, types[name], count)


def _counts(types: pl.Schema) -> list[pl.Expr]:
    counts = [_null_count(name, dtype).alias(f"null {name}") for name, dtype in types.items()]
    counts += [is_too_wide(name).alias(f"wide {name}") for name, dtype in types.items() if dtype in WIDE]
    found = {name: strays(name, dtype) for name, dtype in types.items()}
    return counts + [count.alias(f"stray {name}") for name, count in found.items() if count is not None]


def _null_count(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return (column.is_null() | column.is_nan()).sum() if dtype.is_float() else column.null_count()


def normalise(data: pl.DataFrame) -> pl.DataFrame:
    """Return the frame in the types that the library uses inside (see above).

    Raises DataError for dates and durations that the library cannot hold.
    """
    refuse_strays(data)
    data = data.with_columns(_changes(data.schema))
    wide = [name for name, dtype in data.schema.items() if dtype in WIDE]
    if not wide:
        return data
    too_wide = data.select(is_too_wide(name) for name in wide).row(0)
    return data.with_columns(
        pl.col(name).cast(pl.Float64 if found else pl.Int64) for name, found in zip(wide, too_wide, strict=True)
    )


def normalise_lazy(frame: pl.LazyFrame, schema: Schema | None = None) -> pl.LazyFrame:
    """Return the query of the frame in the types that the library uses inside; `schema` is what `schema_of` found.

    Without it, whole numbers of more than 64 bits with a sign stay what they are. A query refuses no value: a date
    outside of the years 1 to 9999 is null in it, and is looked for before (`schema_of`, `refuse_strays_lazily`).
    """
    types = frame.collect_schema()
    floats = {column.name for column in schema or () if column.dtype == "float"}
    wide = [name for name, dtype in types.items() if dtype in WIDE] if schema is not None else []
    held = [without_strays(name, dtype) for name, dtype in types.items() if dtype.is_temporal()]
    query = frame.with_columns(held).with_columns(_changes(types))
    return query.with_columns(pl.col(name).cast(pl.Float64 if name in floats else pl.Int64) for name in wide)


def _changes(types: pl.Schema) -> list[pl.Expr]:
    return [change for name, dtype in types.items() if (change := _normal(name, dtype)) is not None]


def _normal(name: str, dtype: pl.DataType) -> pl.Expr | None:
    column = pl.col(name)
    if dtype == pl.Float64:
        return column.fill_nan(None)
    if dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype.is_integer():
        return None if dtype == pl.Int64 or dtype in WIDE else column.cast(pl.Int64)
    if dtype.is_decimal() or dtype == pl.Null:
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Datetime):
        zoned = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else column
        return zoned.cast(pl.Datetime("us"))
    if dtype == pl.Duration:
        return column.cast(pl.Duration("us"))
    return column.cast(pl.String) if isinstance(dtype, pl.Categorical | pl.Enum) else None


def require_columns(data: pl.DataFrame, names: list[str], *, node: str | None = None) -> None:
    """Raise DataError that names the first column that is not there, and how many others."""
    there = set(data.columns)
    missing = [name for name in names if name not in there]
    if missing:
        shown = ", ".join(repr(name) for name in missing[:5]) + (", …" if len(missing) > 5 else "")
        message = f"missing columns: {shown}; {known_columns(data.columns)}"
        raise DataError(message, reason="missing-column", column=missing[0], node=node)
