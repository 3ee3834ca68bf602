"""What the selecting nodes share: an applier that drops, and the schema of columns that may be dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import LazyApplier
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema
from skyulf_core.serving.ops import Drop, Op


class SelectionApplier(LazyApplier):
    """Leaves out the columns that were not kept; new rows need not have them."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the other columns."""
        return frame.drop(params.strings("dropped"), strict=False)

    def plan(self, params: Params) -> list[Op]:
        """Return one drop operation."""
        return [Drop(columns=tuple(params.strings("dropped")))]


def selection(columns: Sequence[str], kept: Sequence[bool] | NDArray[np.bool_], **scores: object) -> Params:
    """Return the params of a selection. Raises DataError where no column is kept."""
    marks = [bool(mark) for mark in kept]
    if columns and not any(marks):
        raise DataError(
            f"none of the {len(columns)} columns passes the selection; lower what it asks for",
            reason="nothing-selected",
        )
    names = list(columns)
    return Params(
        columns=names,
        kept=[name for name, mark in zip(names, marks, strict=True) if mark],
        dropped=[name for name, mark in zip(names, marks, strict=True) if not mark],
        **scores,
    )


def maybe(schema: Schema, columns: Sequence[str]) -> Schema:
    """Return the schema with these columns as ones that may be there or not (families of themselves)."""
    names, wanted = frozenset(schema.names), frozenset(columns)
    return Schema(
        replace(column, name=f"{column.name}*", family=True)
        if column.name in wanted and not column.family and f"{column.name}*" not in names
        else column
        for column in schema
    )
