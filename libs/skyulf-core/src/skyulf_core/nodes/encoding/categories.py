"""What the encoders share: the categories of columns, sorted and counted, and queries that look values up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from skyulf_core.data.queries import collect_each
from skyulf_core.params import Scalar
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, TEXT, Dtype

ENCODABLE: frozenset[Dtype] = NUMBER_LIKE | TEXT
"""Types whose values are categories that a bundle can store."""


@dataclass(frozen=True)
class Counted:
    """The categories of one column in sorted order, how many rows each has, and how many rows are null."""

    values: list[Scalar]
    rows: list[int]
    nulls: int

    @property
    def height(self) -> int:
        """The number of all rows."""
        return sum(self.rows) + self.nulls


def count_categories(frame: pl.LazyFrame, columns: Sequence[str]) -> dict[str, Counted]:
    """Return the categories of each column: one query for all columns; texts sort by code point."""
    schema = frame.collect_schema()
    queries = [
        frame.select(category_of(name, schema[name]).alias("value"))
        .group_by("value")
        .agg(pl.len().alias("rows"))
        .sort("value", nulls_last=True)
        for name in columns
    ]
    found = collect_each(queries, engine="streaming")
    for name, table in zip(columns, found, strict=True):
        refuse_infinite(name, table["value"])
    return {name: _counted(table) for name, table in zip(columns, found, strict=True)}


def refuse_infinite(name: str, categories: pl.Series) -> None:
    """Raise DataError for a category that is infinite: there is no JSON for it."""
    if categories.dtype.is_float() and bool(categories.is_infinite().any()):
        raise DataError(
            f"column {name!r} holds infinite values, which are no categories", reason="not-finite", column=name
        )


def category_of(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as its categories."""
    # -0.0 and 0.0 are one category, and which of them was seen first is chance
    column = pl.col(name)
    return pl.when(column == 0.0).then(pl.lit(0.0, dtype)).otherwise(column) if dtype.is_float() else column


def _counted(table: pl.DataFrame) -> Counted:
    values, rows = table["value"].to_list(), cast("list[int]", table["rows"].to_list())
    nulls = rows.pop() if values and values[-1] is None else 0
    return Counted(cast("list[Scalar]", values[: len(rows)]), rows, nulls)


def code_of(name: str, keys: Sequence[Scalar], dtype: pl.DataType) -> pl.Expr:
    """Return each value's position in `keys`; null where it is null or not there.

    Texts go through an Enum: on a million rows that is quicker than replacing or joining, and it streams.
    """
    if dtype == pl.String:
        return pl.col(name).cast(pl.Enum(cast("list[str]", list(keys))), strict=False).to_physical()
    known, places = pl.Series(keys, dtype=dtype), pl.Series(range(len(keys)), dtype=pl.UInt32)
    return pl.col(name).replace_strict(known, places, default=None, return_dtype=pl.UInt32)


def small_literal(number: int) -> pl.Expr:
    """Return a number in the smallest unsigned type that holds it, so that codes stay small."""
    dtypes = ((1 << 8, pl.UInt8), (1 << 16, pl.UInt16), (1 << 32, pl.UInt32))
    return pl.lit(number, next(dtype for limit, dtype in dtypes if number < limit))


def place_of(name: str, keys: Sequence[Scalar], dtype: pl.DataType) -> pl.Expr:
    """Return each value's position in a table of `keys` (None is a null), then one entry for values not listed."""
    known = [key for key in keys if key is not None]
    null = len(known) if None in keys else len(keys)
    if not known:
        return pl.when(pl.col(name).is_null()).then(small_literal(null)).otherwise(small_literal(len(keys)))
    found = code_of(name, known, dtype).fill_null(small_literal(len(keys)))
    if null == len(keys):
        return found
    return pl.when(pl.col(name).is_null()).then(small_literal(null)).otherwise(found)


def value_at(place: pl.Expr, keys: Sequence[Scalar], values: Sequence[float], default: float) -> pl.Expr:
    """Return the number stored for a place that `place_of` found, `default` for what is not listed."""
    if not keys:
        return pl.lit(default, pl.Float64)
    nulls_last = sorted(range(len(keys)), key=lambda index: keys[index] is None)
    table = np.array([*(values[index] for index in nulls_last), default], np.float64)
    return pl.lit(pl.Series(table)).gather(place)


def value_of(name: str, keys: Sequence[Scalar], values: Sequence[float], default: float, dtype: pl.DataType) -> pl.Expr:
    """Return the number stored for each value, `default` for one that is not listed; None is a key like any other."""
    return value_at(place_of(name, keys, dtype), keys, values, default).alias(name)


def refuse_unseen(frame: pl.LazyFrame, known: Mapping[str, Sequence[Scalar]]) -> None:
    """Raise DataError that names the first value of a column that training did not see: one query for all columns."""
    if not known:
        return
    types = frame.collect_schema()
    found = frame.select(
        pl.col(name).filter(pl.col(name).is_not_null() & code_of(name, keys, types[name]).is_null()).first()
        for name, keys in known.items()
    )
    for name, value in found.collect().row(0, named=True).items():
        if value is not None:
            raise unseen(name, value)


def unseen(name: str, value: object) -> DataError:
    """Return the error for a category that training did not see."""
    return DataError(f"column {name!r}: {value!r} was not seen in training", reason="unknown-category", column=name)
