"""MissingIndicator: columns that say where values were missing."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import DTYPES, ColumnSchema, Dtype, Schema
from skyulf_core.serving.ops import MissingFlags, Op

_ANY: frozenset[Dtype] = frozenset(DTYPES) - {"other"}


class MissingIndicatorConfig(NodeConfig):
    """Which columns get an indicator, and what it is called."""

    columns: ColumnNames | None = columns_field("all columns")
    features: Literal["missing-only", "all"] = Field(
        default="missing-only",
        title="Features",
        description="Indicators for the columns with missing values in the training rows, or for all of them.",
    )
    suffix: str = Field(
        default="_missing", min_length=1, max_length=100, title="Suffix", description="Follows the column's name."
    )


class MissingIndicatorApplier(LazyApplier):
    """Writes true where a column is null."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with boolean columns at its end."""
        schema = frame.collect_schema()
        pairs = zip(params.strings("columns"), params.strings("outputs"), strict=True)
        return frame.with_columns(_flag(name, schema[name]).alias(output) for name, output in pairs)

    def plan(self, params: Params) -> list[Op]:
        """Return one missing_flags operation."""
        return [MissingFlags(columns=tuple(params.strings("columns")), outputs=tuple(params.strings("outputs")))]


def _flag(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    return column.is_null() | column.is_nan().fill_null(False) if dtype.is_float() else column.is_null()


@NodeRegistry.register("MissingIndicator", MissingIndicatorApplier)
class MissingIndicatorCalculator(StreamingCalculator[MissingIndicatorConfig]):
    """Add a column of true and false per column that says where its value is missing.

    Place it before an imputer: afterwards nothing is missing. Columns are named `<column><suffix>`, in the order of
    the columns, at the end of the frame. With `missing-only` a column that is complete in the training rows gets no
    indicator, whatever new rows hold (scikit-learn refuses such rows).

    >>> data = pl.DataFrame({"age": [30, None], "plan": ["a", "b"]})
    >>> params = MissingIndicatorCalculator().fit(data, MissingIndicatorConfig())
    >>> MissingIndicatorApplier().apply(data, params).to_dict(as_series=False)
    {'age': [30, None], 'plan': ['a', 'b'], 'age_missing': [False, True]}

    >>> MissingIndicatorCalculator().fit(data, MissingIndicatorConfig(columns=["agee"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'agee'; the columns are: 'age', 'plan'
    """

    family = "imputation"
    kind = Kind.LEARNED
    keywords = ("missing", "null", "nan", "flag", "indicator", "is null")
    examples = (
        {},
        {"features": "all"},
        {"columns": ["number", "plan", "at", "count"], "suffix": " is missing?"},
        {"columns": ["count", "at"], "features": "all", "suffix": "_na"},
        {"columns": []},
    )
    reference = "sklearn.impute.MissingIndicator"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: MissingIndicatorConfig) -> Params:
        """Learn which columns have nulls, in one query, and choose the names."""
        schema = frame.collect_schema()
        columns = chosen_lazy(frame, config.columns, _ANY)
        if columns and config.features == "missing-only":
            found = frame.select(_flag(name, schema[name]).any().alias(name) for name in columns).collect().row(0)
            columns = [name for name, some in zip(columns, found, strict=True) if some]
        taken = set(schema.names())
        return Params(columns=columns, outputs=[free_name(f"{name}{config.suffix}", taken) for name in columns])

    def infer_schema(self, schema: Schema, config: MissingIndicatorConfig) -> Schema:
        """Return the schema with the indicators at its end; with `missing-only` each of them may not come."""
        columns = chosen(config.columns, schema, _ANY)
        if config.features == "all":
            taken = set(schema.names)
            names = [free_name(f"{name}{config.suffix}", taken) for name in columns]
            return schema.append(ColumnSchema(name, "boolean", nullable=False) for name in names)
        may = [column.name for column in schema if column.name in columns and column.nullable]
        ordered = sorted(may, key=columns.index)
        return schema.append(
            ColumnSchema(f"{name}{config.suffix}*", "boolean", nullable=False, family=True) for name in ordered
        )
