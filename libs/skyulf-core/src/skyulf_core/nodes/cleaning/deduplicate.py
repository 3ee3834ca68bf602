"""Deduplicate: training rows that occur more than once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Calculator, Kind, NodeConfig, RowApplier
from skyulf_core.nodes.columns import ColumnNames
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import DTYPES, Schema


class DeduplicateConfig(NodeConfig):
    """Which rows are the same, and which of them stays."""

    subset: ColumnNames | None = Field(
        default=None,
        title="Subset",
        description="Columns that make rows the same. Left out: all of them. An empty list: no row is the same.",
        json_schema_extra={"x-widget": "columns"},
    )
    keep: Literal["first", "last", "none"] = Field(
        default="first", title="Keep", description="Which of several equal rows stays."
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns that are compared."""
        for index, name in enumerate(self.subset or ()):
            yield f"/subset/{index}", name


class DeduplicateApplier(RowApplier):
    """Keeps one of several equal rows, or none."""

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return the positions of the rows to keep."""
        columns, keep = params.strings("columns"), cast('Literal["first", "last", "none"]', params.text("keep"))
        if not columns or not data.height:
            return np.arange(data.height)
        # a name longer than all others is none of them
        position = "row" + "_" * max(len(name) for name in columns)
        kept = data.select(columns).with_row_index(position).unique(columns, keep=keep, maintain_order=True)
        return kept[position].to_numpy().astype(np.int64)


@NodeRegistry.register("Deduplicate", DeduplicateApplier)
class DeduplicateCalculator(Calculator[DeduplicateConfig]):
    """Leave out training rows that occur more than once; test rows and predictions keep all of theirs.

    Rows are the same where all compared values are, a missing value being the same as another missing one. Only
    features are compared: the target is not among them. The rows that stay keep their order.

    >>> data = pl.DataFrame({"a": [1, 1, 2, None, None], "b": ["x", "y", "z", "u", "v"]})
    >>> params = DeduplicateCalculator().fit(data, DeduplicateConfig(subset=["a"], keep="last"))
    >>> DeduplicateApplier().apply(data, params)["b"].to_list()
    ['y', 'z', 'v']

    >>> DeduplicateCalculator().fit(data, DeduplicateConfig(subset=["c"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'c'; the columns are: 'a', 'b'
    """

    family = "cleaning"
    kind = Kind.ROW_CHANGING
    keywords = ("duplicate", "distinct", "unique", "rows", "drop_duplicates")
    examples = (
        {},
        {"subset": ["plan", "city"], "keep": "last"},
        {"subset": ["number"], "keep": "none"},
        {"subset": []},
    )
    accepts = frozenset(DTYPES)
    reference = "pandas.DataFrame.drop_duplicates"
    tolerance = 0.0

    def fit(self, data: pl.DataFrame, config: DeduplicateConfig) -> Params:
        """Keep the columns and the rule."""
        columns = list(data.columns) if config.subset is None else list(config.subset)
        require_columns(data, columns)
        return Params(columns=columns, keep=config.keep)

    def infer_schema(self, schema: Schema, config: DeduplicateConfig) -> Schema:
        """Return the same columns."""
        return schema
