"""What the splitters share: their target, and the column that they split by."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.problems import DataError, Problem, nearest_column
from skyulf_core.schema import NUMBER_LIKE, TEXT, Dtype, Schema


class SplitConfig(NodeConfig):
    """Fields that all splitters have."""

    target: str = Field(title="Target", description="The column to predict.", json_schema_extra={"x-widget": "column"})
    drop_missing_target: bool = Field(
        default=False,
        title="Drop rows without target",
        description="Leave out rows whose target is missing, instead of refusing them.",
    )


def target_problems(schema: Schema, target: str) -> list[Problem]:
    """Return a problem for a target that is neither number, boolean nor text."""
    column = schema.find(target)
    if column is None or column.dtype in NUMBER_LIKE | TEXT:
        return []
    message = f"The target {target!r} is {column.dtype}; it must hold numbers, booleans or texts."
    return [Problem("/target", message, "wrong-type")]


def column_problems(schema: Schema, field: str, name: str, target: str, accepted: Iterable[Dtype]) -> list[Problem]:
    """Return what is wrong with a column that rows are split by."""
    if name == target:
        message = f"{name!r} is the target; rows are split by another column."
        return [Problem(f"/{field}", message, "target-as-feature", suggestion="Name another column.")]
    column, wanted = schema.find(name), frozenset(accepted)
    if column is None:
        hint = nearest_column(name, schema.names)
        return [Problem(f"/{field}", f"There is no column {name!r}.", "unknown-column", suggestion=hint)]
    if column.dtype in wanted:
        return []
    message = f"Column {name!r} is {column.dtype}; this splitter goes by {', '.join(sorted(wanted))} columns."
    return [Problem(f"/{field}", message, "wrong-type")]


def usable_rows(data: pl.DataFrame, config: SplitConfig) -> NDArray[np.int64]:
    """Return the rows to split, in the order of the frame."""
    require_columns(data, [config.target])
    if config.drop_missing_target:
        return np.flatnonzero(data[config.target].is_not_null().to_numpy())
    return np.arange(data.height)


def complete(data: pl.DataFrame, name: str, rows: NDArray[np.int64]) -> pl.Series:
    """Return these rows of a column that rows are split by. Raises DataError where a value is missing."""
    require_columns(data, [name])
    column = data[name].gather(rows)
    nulls = column.null_count()
    if nulls:
        raise DataError(
            f"column {name!r} is missing in {nulls} rows, so nobody can say which split they belong to; "
            "fill them in or remove them before",
            reason="missing-values",
            column=name,
        )
    return column
