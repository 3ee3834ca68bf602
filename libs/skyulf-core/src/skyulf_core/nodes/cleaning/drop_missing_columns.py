"""DropMissingColumns: columns left out that are missing too often in the training rows."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import DTYPES, ColumnSchema, Schema
from skyulf_core.serving.ops import Drop, Op


class DropMissingColumnsConfig(NodeConfig):
    """How often a column may be missing."""

    columns: ColumnNames | None = columns_field("all columns")
    threshold: float = Field(
        default=0.5,
        ge=0.0,
        lt=1.0,
        title="Threshold",
        description="A column stays where at most this share of the training rows has no value in it.",
    )


class DropMissingColumnsApplier(LazyApplier):
    """Leaves the columns out; new rows need not have them."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the other columns."""
        return frame.drop(params.strings("dropped"), strict=False)

    def plan(self, params: Params) -> list[Op]:
        """Return one drop operation."""
        return [Drop(columns=tuple(params.strings("dropped")))]


@NodeRegistry.register("DropMissingColumns", DropMissingColumnsApplier)
class DropMissingColumnsCalculator(StreamingCalculator[DropMissingColumnsConfig]):
    """Leave out columns that are missing in too many training rows.

    The share is that of rows without a value; a column with exactly the threshold's share stays. An infinite value
    counts as a value. Without any row nothing is left out.

    >>> data = pl.DataFrame({"a": [1, None, None], "b": [1, 2, None]})
    >>> params = DropMissingColumnsCalculator().fit(data, DropMissingColumnsConfig(threshold=0.5))
    >>> DropMissingColumnsApplier().apply(data, params).columns
    ['b']

    >>> DropMissingColumnsCalculator().fit(data, DropMissingColumnsConfig(columns=["c"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'c'; the columns are: 'a', 'b'
    """

    family = "cleaning"
    kind = Kind.LEARNED
    keywords = ("missing", "null", "nan", "columns", "remove", "empty", "dropna")
    examples = ({}, {"threshold": 0.15}, {"columns": ["number", "plan"], "threshold": 0}, {"columns": []})
    accepts = frozenset(DTYPES)
    reference = "pandas.DataFrame.dropna(axis='columns', thresh)"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: DropMissingColumnsConfig) -> Params:
        """Learn each column's share of missing values, in one query."""
        columns = chosen_lazy(frame, config.columns, DTYPES)
        counts = frame.select(pl.len().alias("\n"), *(pl.col(name).null_count() for name in columns)).collect().row(0)
        rows, missing = counts[0], dict(zip(columns, counts[1:], strict=True))
        shares = {name: count / rows if rows else 0.0 for name, count in missing.items()}
        return Params(shares=shares, dropped=[name for name, share in shares.items() if share > config.threshold])

    def infer_schema(self, schema: Schema, config: DropMissingColumnsConfig) -> Schema:
        """Return the schema; a column that may be left out is a family of none or one."""
        columns = chosen(config.columns, schema, DTYPES)
        return Schema(
            ColumnSchema(f"{column.name}*", column.dtype, nullable=True, family=True)
            if column.name in columns and column.nullable and not column.family
            else column
            for column in schema
        )
