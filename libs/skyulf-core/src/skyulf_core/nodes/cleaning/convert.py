"""Conversion of one column; what a fast query cannot do is done by the serving plan's own function, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import polars as pl

from skyulf_core.data.frames import dtype_of
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, TEMPORAL, TEXT, Dtype
from skyulf_core.serving.ops.casting import CastTarget, Convert, converter

CastName: TypeAlias = Literal[
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
    "string", "category", "boolean", "date", "datetime",
]  # fmt: skip
OnError: TypeAlias = Literal["null", "fail"]

_POLARS: dict[str, pl.DataType] = {
    "int8": pl.Int8(), "int16": pl.Int16(), "int32": pl.Int32(), "int64": pl.Int64(), "uint8": pl.UInt8(),
    "uint16": pl.UInt16(), "uint32": pl.UInt32(), "uint64": pl.UInt64(), "float32": pl.Float32(),
    "float64": pl.Float64(), "string": pl.String(), "boolean": pl.Boolean(), "date": pl.Date(),
    "datetime": pl.Datetime("us"),
}  # fmt: skip


def op_target(to: CastName) -> CastTarget:
    """Return the name that the serving plan has for a type (categories are strings there)."""
    return "string" if to == "category" else to


def logical(to: CastName) -> Dtype:
    """Return the logical type that comes out. A category is a string with few values; inside it stays a string."""
    return dtype_of(_POLARS[op_target(to)])


def sources(to: CastName) -> frozenset[Dtype]:
    """Return the logical types that can be converted to `to`."""
    if to in ("string", "category"):
        return NUMBER_LIKE | TEXT | TEMPORAL
    return TEXT | TEMPORAL if to in ("date", "datetime") else NUMBER_LIKE | TEXT


def cast_expression(name: str, dtype: pl.DataType, to: CastName, *, text_format: str | None) -> pl.Expr:
    """Return the query of a converted column of this type; what cannot be converted is null."""
    wanted, column = _POLARS[op_target(to)], pl.col(name)
    if dtype == wanted and not text_format:
        return column
    if dtype_of(dtype) in NUMBER_LIKE and (wanted.is_integer() or wanted == pl.Float64):
        return column.cast(wanted, strict=False)
    if dtype in (pl.Date, pl.Datetime) and to in ("date", "datetime"):
        return column.cast(wanted)
    convert = converter(op_target(to), text_format)
    return column.map_batches(lambda series: _mapped(series, convert, wanted), return_dtype=wanted, is_elementwise=True)


def cast_series(series: pl.Series, to: CastName, *, text_format: str | None, on_error: OnError) -> pl.Series:
    """Return the converted column. What cannot be converted is null, or raises DataError (`fail`)."""
    expression = cast_expression(series.name, series.dtype, to, text_format=text_format)
    converted = series.to_frame().select(expression).to_series()
    if on_error == "fail" and converted.null_count() > series.null_count():
        raise _uncastable(series.name, series.filter(converted.is_null() & series.is_not_null())[0], to)
    return converted


def refuse_uncastable(frame: pl.LazyFrame, targets: Sequence[tuple[str, CastName]], *, text_format: str | None) -> None:
    """Raise DataError for the first value of a query that cannot be converted: one look at all columns."""
    if not targets:
        return
    schema = frame.collect_schema()
    found = frame.select(
        pl.col(name)
        .filter(pl.col(name).is_not_null() & cast_expression(name, schema[name], to, text_format=text_format).is_null())
        .first()
        for name, to in targets
    ).collect()
    for (name, to), value in zip(targets, found.row(0), strict=True):
        if value is not None:
            raise _uncastable(name, value, to)


def _uncastable(name: str, value: object, to: CastName) -> DataError:
    return DataError(f"column {name!r}: {value!r} cannot be read as {to}", reason="cannot-cast", column=name)


def _mapped(series: pl.Series, convert: Convert, wanted: pl.DataType) -> pl.Series:
    source = series.cast(pl.Datetime("us")) if series.dtype == pl.Date else series
    unique = source.drop_nulls().unique()
    values = pl.Series([_or_none(convert, value) for value in unique], dtype=_wide(wanted)).cast(wanted)
    if not len(unique):
        return pl.Series(series.name, [None] * len(series), dtype=wanted)
    return source.replace_strict(unique, values, default=None, return_dtype=wanted)


def _wide(wanted: pl.DataType) -> pl.DataType:
    return pl.Datetime("us") if wanted == pl.Date else wanted


def _or_none(convert: Convert, value: object) -> object:
    try:
        return convert(value)
    except (ValueError, TypeError, OverflowError):
        return None
