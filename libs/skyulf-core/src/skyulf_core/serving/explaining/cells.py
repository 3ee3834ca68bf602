"""The values of explained rows, as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from skyulf_core.serving.explaining.numbers import Floats
from skyulf_core.serving.ops.base import Scalar
from skyulf_core.serving.plan import PlanModel

Cells = list[dict[str, Scalar]]


def cells_of_rows(model: PlanModel, rows: Sequence[Mapping[str, object]]) -> Cells:
    """Return the values of checked rows: numbers in the type of their column, dates as ISO 8601."""
    dates = {column.name for column in model.input_schema if column.dtype == "date"}
    return [{name: _cell(value, date=name in dates) for name, value in values.items()} for values in model.values(rows)]


def cells_of_matrix(matrix: Floats, names: Sequence[str]) -> Cells:
    """Return the values of features (rows x names), NaN as null."""
    return [
        {name: None if value != value else value for name, value in zip(names, row, strict=True)}
        for row in matrix.tolist()
    ]


def _cell(value: object, *, date: bool) -> Scalar:
    if isinstance(value, datetime):
        return value.date().isoformat() if date else value.isoformat()
    return cast("Scalar", value)
