"""DropColumns: columns left out."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import DTYPES, Schema
from skyulf_core.serving.ops import Drop, Op


class DropColumnsConfig(NodeConfig):
    """Which columns to leave out."""

    columns: ColumnNames = Field(
        title="Columns", description="Columns to leave out.", json_schema_extra={"x-widget": "columns"}
    )


class DropColumnsApplier(LazyApplier):
    """Leaves the columns out; new rows need not have them."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the other columns."""
        return frame.drop(params.strings("columns"), strict=False)

    def plan(self, params: Params) -> list[Op]:
        """Return one drop operation."""
        return [Drop(columns=tuple(params.strings("columns")))]


@NodeRegistry.register("DropColumns", DropColumnsApplier)
class DropColumnsCalculator(StreamingCalculator[DropColumnsConfig]):
    """Leave columns out; a prediction then does not need them.

    >>> data = pl.DataFrame({"id": [1], "age": [30]})
    >>> params = DropColumnsCalculator().fit(data, DropColumnsConfig(columns=["id"]))
    >>> DropColumnsApplier().apply(data, params).columns
    ['age']

    >>> DropColumnsCalculator().fit(data, DropColumnsConfig(columns=["idd"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'idd'; the columns are: 'id', 'age'
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("remove", "exclude", "delete", "columns")
    examples = ({"columns": ["number", "plan"]}, {"columns": []})
    accepts = frozenset(DTYPES)
    reference = "polars.DataFrame.drop"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: DropColumnsConfig) -> Params:
        """Keep the names."""
        return Params(columns=chosen_lazy(frame, config.columns, ()))

    def infer_schema(self, schema: Schema, config: DropColumnsConfig) -> Schema:
        """Return the schema of the other columns."""
        return schema.drop(config.columns)
