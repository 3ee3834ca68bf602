"""Which columns a node works on: those it names, or all of a type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

import polars as pl
from pydantic import AfterValidator, Field

from skyulf_core.data.frames import dtype_of, require_columns
from skyulf_core.schema import ColumnSchema, Dtype, Schema


def _unique(names: list[str]) -> list[str]:
    repeated = sorted(name for name, count in Counter(names).items() if count > 1)
    if repeated:
        raise ValueError(f"columns are named twice: {', '.join(repeated)}")
    return names


ColumnNames: TypeAlias = Annotated[list[str], AfterValidator(_unique)]
"""Column names, each once."""


def columns_field(automatic: str) -> Any:
    """Return the field `columns` that every node shares. `automatic` says what is taken where it is left out."""
    return Field(
        default=None,
        title="Columns",
        description=f"Columns to work on. Left out: {automatic}. An empty list: none.",
        json_schema_extra={"x-widget": "columns"},
    )


def chosen(columns: list[str] | None, schema: Schema, dtypes: Iterable[Dtype]) -> list[str]:
    """Return the named columns that exist, or all of these types, in the order of the schema."""
    if columns is None:
        return schema.of_type(dtypes)
    there = set(schema.names)
    return [name for name in columns if name in there]


def chosen_from(data: pl.DataFrame, columns: list[str] | None, dtypes: Iterable[Dtype]) -> list[str]:
    """Return the columns of a frame to work on. Raises DataError for a named one that is not there."""
    if columns is not None:
        require_columns(data, columns)
        return list(columns)
    wanted = frozenset(dtypes)
    return [name for name, dtype in data.schema.items() if dtype_of(dtype) in wanted]


def chosen_lazy(frame: pl.LazyFrame, columns: list[str] | None, dtypes: Iterable[Dtype]) -> list[str]:
    """Return the columns of a lazy frame to work on. Raises DataError for a named one that is not there."""
    return chosen_from(pl.DataFrame(schema=frame.collect_schema()), columns, dtypes)


def dtypes_in(data: pl.DataFrame) -> Schema:
    """Return names and logical types without reading values (nullable everywhere)."""
    return Schema(ColumnSchema(name, dtype_of(dtype)) for name, dtype in data.schema.items())


def free_name(wanted: str, taken: set[str]) -> str:
    """Return `wanted`, or with `_2`, `_3`, … where a column has that name; the result is then taken too."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return name
