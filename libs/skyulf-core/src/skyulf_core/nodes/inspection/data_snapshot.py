"""DataSnapshot: the first rows, kept with the pipeline."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy, columns_field
from skyulf_core.nodes.inspection.json_values import json_value
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import DTYPES, Schema

_MOST_VALUES = 100_000


class DataSnapshotConfig(NodeConfig):
    """How much is kept."""

    columns: ColumnNames | None = columns_field("all columns")
    rows: int = Field(
        default=20, ge=1, le=1_000, title="Rows", description="So many of the first training rows are kept."
    )


class DataSnapshotApplier(LazyApplier):
    """Changes nothing."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame as it is."""
        return frame


@NodeRegistry.register("DataSnapshot", DataSnapshotApplier)
class DataSnapshotCalculator(StreamingCalculator[DataSnapshotConfig]):
    """Keep the first training rows as they are at this point of the pipeline, changing nothing.

    Params hold `columns` (name and type) and `rows`, values in the order of the columns: dates in ISO 8601, infinite
    numbers as texts, long texts cut.

    >>> data = pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]})
    >>> DataSnapshotCalculator().fit(data, DataSnapshotConfig(rows=2))["rows"]
    [[1, 'x'], [2, None]]

    >>> DataSnapshotCalculator().fit(data, DataSnapshotConfig(columns=["c"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'c'; the columns are: 'a', 'b'
    """

    family = "inspection"
    kind = Kind.LEARNED
    keywords = ("head", "sample", "preview", "rows", "debug", "look")
    examples = ({}, {"columns": ["plan", "at", "day"], "rows": 3}, {"columns": []})
    accepts = frozenset(DTYPES)
    reference = "pandas.DataFrame.head"
    tolerance = 0.0
    order_matters = True

    def learn(self, frame: pl.LazyFrame, config: DataSnapshotConfig) -> Params:
        """Keep the first rows."""
        columns = chosen_lazy(frame, config.columns, DTYPES)
        if len(columns) * config.rows > _MOST_VALUES:
            message = f"{len(columns)} columns of {config.rows} rows are more than {_MOST_VALUES} values: keep fewer"
            raise DataError(message, reason="too-many-values")
        found = frame.select(columns).head(config.rows).collect()
        known = [{"name": name, "type": str(dtype)} for name, dtype in found.schema.items()]
        return Params(columns=known, rows=[[json_value(value) for value in row] for row in found.rows()])

    def infer_schema(self, schema: Schema, config: DataSnapshotConfig) -> Schema:
        """Return the same columns."""
        return schema
