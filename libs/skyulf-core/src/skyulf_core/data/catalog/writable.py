"""What a format can hold: said before anything is written."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from polars.datatypes import DataTypeClass

from skyulf_core.problems import DataError

NESTED = (pl.List, pl.Array, pl.Struct)
NOT_IN_CSV = (*NESTED, pl.Binary, pl.Duration, pl.Object)
NOT_IN_JSON = (pl.Binary, pl.Object)


def require_types(schema: pl.Schema, never: tuple[type[pl.DataType], ...], kind: str) -> None:
    """Raise DataError (`not-writable`) for the first column of a type that a format cannot hold, at any depth."""
    for name, dtype in schema.items():
        found = next((each for each in _inside(dtype) if each.base_type() in never), None)
        if found is not None:
            shown = type(found).__name__.lower()
            message = f"column {name!r} holds values of type {shown}, which {kind} cannot hold; write it as .parquet"
            raise DataError(message, reason="not-writable", column=name)


def require_finite(frame: pl.LazyFrame, schema: pl.Schema) -> None:
    """Raise DataError (`not-writable`) for infinite numbers, which JSON has no words for; reads the rows once."""
    found = {name: list(_infinite(pl.col(name), dtype)) for name, dtype in schema.items()}
    asked = [pl.any_horizontal(each).alias(name) for name, each in found.items() if each]
    answer = frame.select(asked).collect().row(0, named=True) if asked else {}
    for name, infinite in answer.items():
        if infinite:
            message = f"column {name!r} holds infinite numbers, which JSON cannot hold; write it as .parquet or .csv"
            raise DataError(message, reason="not-writable", column=name)


def _inside(dtype: pl.DataType) -> Iterator[pl.DataType]:
    """Yield a type and all types in it."""
    yield dtype
    if isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            yield from _inside(_type(field.dtype))
    elif isinstance(dtype, pl.List | pl.Array):
        yield from _inside(_type(dtype.inner))


def _infinite(values: pl.Expr, dtype: pl.DataType) -> Iterator[pl.Expr]:
    if dtype.is_float():
        yield values.is_infinite().any()
    elif isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            yield from _infinite(values.struct.field(field.name), _type(field.dtype))
    elif isinstance(dtype, pl.List | pl.Array):
        yield from _infinite(values.explode(), _type(dtype.inner))


def _type(dtype: DataTypeClass | pl.DataType) -> pl.DataType:
    return dtype if isinstance(dtype, pl.DataType) else dtype()
