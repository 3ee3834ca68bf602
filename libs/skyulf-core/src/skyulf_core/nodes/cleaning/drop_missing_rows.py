"""DropMissingRows: training rows with missing values left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Calculator, Kind, NodeConfig, RowApplier
from skyulf_core.nodes.columns import ColumnNames, chosen
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import DTYPES, Schema


class DropMissingRowsConfig(NodeConfig):
    """Which rows to leave out."""

    subset: ColumnNames | None = Field(
        default=None,
        title="Subset",
        description="Columns that are looked at. Left out: all of them. An empty list: none.",
        json_schema_extra={"x-widget": "columns"},
    )
    how: Literal["any", "all"] = Field(
        default="any",
        title="How",
        description="Drop a row where any of the columns is missing, or all of them.",
        json_schema_extra={"x-visible-if": {"threshold": None}},
    )
    threshold: int | None = Field(
        default=None,
        ge=1,
        title="Threshold",
        description="Keep rows with at least this many values; it replaces `how`.",
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns that are looked at."""
        for index, name in enumerate(self.subset or ()):
            yield f"/subset/{index}", name


class DropMissingRowsApplier(RowApplier):
    """Keeps the rows with enough values."""

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return the positions of the rows with enough values."""
        columns, needed = params.strings("columns"), params["needed"]
        if not columns:
            return np.arange(data.height)
        present = data.select(pl.sum_horizontal(pl.col(name).is_not_null().cast(pl.Int64) for name in columns))
        return np.flatnonzero(present.to_series().to_numpy() >= needed)


@NodeRegistry.register("DropMissingRows", DropMissingRowsApplier)
class DropMissingRowsCalculator(Calculator[DropMissingRowsConfig]):
    """Leave out training rows with missing values; test rows and predictions keep all of theirs.

    `how` and `threshold` mean what they mean in pandas' dropna; `any` is polars' drop_nulls. An infinite value counts
    as a value. With an empty subset every row stays.

    >>> data = pl.DataFrame({"a": [1, None, 3], "b": ["x", "y", None]})
    >>> params = DropMissingRowsCalculator().fit(data, DropMissingRowsConfig(subset=["a"]))
    >>> DropMissingRowsApplier().apply(data, params)["a"].to_list()
    [1, 3]

    >>> DropMissingRowsCalculator().fit(data, DropMissingRowsConfig(subset=["c"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'c'; the columns are: 'a', 'b'
    """

    family = "cleaning"
    kind = Kind.ROW_CHANGING
    keywords = ("missing", "null", "nan", "rows", "complete cases", "dropna")
    examples = ({}, {"subset": ["number", "plan"], "how": "all"}, {"threshold": 9}, {"subset": []})
    accepts = frozenset(DTYPES)
    reference = "pandas.DataFrame.dropna"
    tolerance = 0.0

    def check(self, schema: Schema, config: DropMissingRowsConfig) -> list[Problem]:
        """Refuse a threshold that no row can reach."""
        columns = chosen(config.subset, schema, DTYPES)
        families = any(column.family for column in schema)
        if config.threshold is None or families or config.threshold <= len(columns):
            return []
        message = f"threshold is {config.threshold}, but only {len(columns)} columns are looked at: no row would stay."
        return [Problem("/threshold", message, "out-of-range", suggestion=f"Use at most {len(columns)}.")]

    def fit(self, data: pl.DataFrame, config: DropMissingRowsConfig) -> Params:
        """Keep the columns and how many of them a row needs."""
        columns = list(data.columns) if config.subset is None else list(config.subset)
        require_columns(data, columns)
        needed = len(columns) if config.how == "any" else min(1, len(columns))
        return Params(columns=columns, needed=needed if config.threshold is None else config.threshold)

    def infer_schema(self, schema: Schema, config: DropMissingRowsConfig) -> Schema:
        """Return the same columns: rows that come to the model at predict may still hold nulls."""
        return schema
