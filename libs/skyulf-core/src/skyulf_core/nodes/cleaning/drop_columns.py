"""DropColumns: columns left out."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import DTYPES, Schema
from skyulf_core.serving.ops import Drop, Op


class DropColumnsConfig(NodeConfig):
    """Which columns to leave out."""

    columns: ColumnNames = Field(
        title="Columns", description="Columns to leave out.", json_schema_extra={"x-widget": "columns"}
    )


class DropColumnsApplier(Applier):
    """Leaves the columns out; new rows need not have them."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the other columns."""
        return data.drop(params.strings("columns"), strict=False)

    def plan(self, params: Params) -> list[Op]:
        """Return one drop operation."""
        return [Drop(columns=tuple(params.strings("columns")))]


@NodeRegistry.register("DropColumns", DropColumnsApplier)
class DropColumnsCalculator(Calculator[DropColumnsConfig]):
    """Leave columns out; a prediction then does not need them.

    >>> data = pl.DataFrame({"id": [1], "age": [30]})
    >>> params = DropColumnsCalculator().fit(data, DropColumnsConfig(columns=["id"]))
    >>> DropColumnsApplier().apply(data, params).columns
    ['age']

    >>> DropColumnsCalculator().fit(data, DropColumnsConfig(columns=["idd"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'idd'
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("remove", "exclude", "delete", "columns")
    examples = ({"columns": ["number", "plan"]}, {"columns": []})
    accepts = frozenset(DTYPES)

    def fit(self, data: pl.DataFrame, config: DropColumnsConfig) -> Params:
        """Keep the names."""
        require_columns(data, config.columns)
        return Params(columns=list(config.columns))

    def infer_schema(self, schema: Schema, config: DropColumnsConfig) -> Schema:
        """Return the schema of the other columns."""
        return schema.drop(config.columns)
