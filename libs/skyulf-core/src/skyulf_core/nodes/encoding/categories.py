"""What the encoders share: the categories of columns, sorted and counted."""

from __future__ import annotations

from typing import cast

import polars as pl

from skyulf_core.params import Scalar
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, TEXT, Dtype

ENCODABLE: frozenset[Dtype] = NUMBER_LIKE | TEXT
"""Types whose values are categories that a bundle can store."""


def count_categories(data: pl.DataFrame, columns: list[str]) -> dict[str, tuple[list[Scalar], list[int], int]]:
    """Return, per column, its categories in sorted order, how often each occurs, and the number of nulls.

    One query for all columns; texts sort by code point, as numpy sorts them.
    """
    if not columns:
        return {}
    found = data.select(
        pl.col(name).value_counts(name="rows").struct.rename_fields(["value", "rows"]).implode() for name in columns
    )
    return {name: _sorted(cast("list[dict[str, Scalar]]", found[name][0].to_list())) for name in columns}


def _sorted(counted: list[dict[str, Scalar]]) -> tuple[list[Scalar], list[int], int]:
    # -0.0 and 0.0 are one category, and which of them was seen first is chance
    rows = {item["value"] or _zero(item["value"]): cast("int", item["rows"]) for item in counted}
    nulls = rows.pop(None, 0)
    values = cast("list[str]", list(rows))
    values.sort()
    return cast("list[Scalar]", values), [rows[value] for value in values], nulls


def _zero(value: Scalar) -> Scalar:
    return 0.0 if isinstance(value, float) else value


def refuse_unseen(column: pl.Series, known: list[Scalar]) -> None:
    """Raise DataError that names the first value of a column that training did not see."""
    values = column.drop_nulls()
    unseen = values.filter(~values.is_in(pl.Series(known, dtype=column.dtype).implode()))
    if len(unseen):
        raise DataError(
            f"column {column.name!r}: {unseen[0]!r} was not seen in training",
            reason="unknown-category",
            column=column.name,
        )
