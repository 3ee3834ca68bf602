"""SelectColumns: columns kept, the others left out."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import DTYPES, Schema
from skyulf_core.serving.ops import Drop, Op


class SelectColumnsConfig(NodeConfig):
    """Which columns to keep."""

    columns: ColumnNames = Field(
        min_length=1,
        title="Columns",
        description="Columns to keep; the others are left out.",
        json_schema_extra={"x-widget": "columns"},
    )


class SelectColumnsApplier(LazyApplier):
    """Leaves out the other columns that training knew; new rows need not have them."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the kept columns."""
        return frame.drop(params.strings("dropped"), strict=False)

    def plan(self, params: Params) -> list[Op]:
        """Return one drop operation."""
        return [Drop(columns=tuple(params.strings("dropped")))]


@NodeRegistry.register("SelectColumns", SelectColumnsApplier)
class SelectColumnsCalculator(StreamingCalculator[SelectColumnsConfig]):
    """Keep the named columns and leave the others out; a prediction then does not need them.

    The kept columns stay in the order of the frame. A column that training did not know is none of this node's
    business: a fitted pipeline leaves it out before its first step.

    >>> data = pl.DataFrame({"id": [1], "age": [30], "plan": ["pro"]})
    >>> params = SelectColumnsCalculator().fit(data, SelectColumnsConfig(columns=["plan", "age"]))
    >>> SelectColumnsApplier().apply(data, params).columns
    ['age', 'plan']

    >>> SelectColumnsCalculator().fit(data, SelectColumnsConfig(columns=["plans"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'plans'; the columns are: 'id', 'age', 'plan'
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("keep", "choose", "columns", "subset", "project")
    examples = ({"columns": ["number", "plan"]}, {"columns": ["day", "at", "count"]}, {"columns": ["city"]})
    accepts = frozenset(DTYPES)
    reference = "polars.DataFrame.select, in the order of the frame"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: SelectColumnsConfig) -> Params:
        """Keep the names of the others."""
        kept = frozenset(chosen_lazy(frame, config.columns, ()))
        return Params(dropped=[name for name in frame.collect_schema().names() if name not in kept])

    def infer_schema(self, schema: Schema, config: SelectColumnsConfig) -> Schema:
        """Return the schema of the kept columns; families stay where one of theirs is named."""
        return Schema(column for column in schema if any(column.covers(name) for name in config.columns))
