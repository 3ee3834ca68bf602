"""MaxAbsScaler: numbers divided by the largest magnitude of their column."""

from __future__ import annotations

import polars as pl

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.elementwise import affine
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.scaling.statistics import statistics_of, usable_scale
from skyulf_core.params import Params
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op


class MaxAbsScalerConfig(NodeConfig):
    """Which columns to scale."""

    columns: ColumnNames | None = columns_field("all integer and float columns (0/1 indicators are left alone)")


class MaxAbsScalerApplier(LazyApplier):
    """Computes `x / largest magnitude`."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the scaled columns as floats; nulls stay null."""
        pairs = zip(params.strings("columns"), params.numbers("scales"), strict=True)
        return frame.with_columns(affine(name, 0.0, scale) for name, scale in pairs)

    def plan(self, params: Params) -> list[Op]:
        """Return one affine operation."""
        columns = tuple(params.strings("columns"))
        return [Affine(columns, (0.0,) * len(columns), tuple(params.numbers("scales")))]


@NodeRegistry.register("MaxAbsScaler", MaxAbsScalerApplier)
class MaxAbsScalerCalculator(StreamingCalculator[MaxAbsScalerConfig]):
    """Divide each column by its largest magnitude, so that it lies between -1 and 1 and zeros stay zeros.

    A column of zeros stays as it is, one without values too.

    >>> data = pl.DataFrame({"change": [-4.0, 0.0, 2.0]})
    >>> params = MaxAbsScalerCalculator().fit(data, MaxAbsScalerConfig())
    >>> MaxAbsScalerApplier().apply(data, params)["change"].to_list()
    [-1.0, 0.0, 0.5]

    >>> MaxAbsScalerCalculator().fit(data, MaxAbsScalerConfig(columns=["changes"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'changes'; the columns are: 'change'
    """

    family = "scaling"
    kind = Kind.LEARNED
    keywords = ("normalise", "maximum", "magnitude", "sparse", "rescale")
    examples = ({}, {"columns": ["number", "flag", "same"]}, {"columns": []})
    accepts = NUMBER_LIKE
    reference = "sklearn.preprocessing.MaxAbsScaler"

    def learn(self, frame: pl.LazyFrame, config: MaxAbsScalerConfig) -> Params:
        """Learn the largest magnitude of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        found = statistics_of(frame, columns, lambda column: [column.abs().max()])
        return Params(
            columns=columns,
            scales=[usable_scale(name, largest or 0.0) for name, (largest,) in zip(columns, found, strict=True)],
        )

    def infer_schema(self, schema: Schema, config: MaxAbsScalerConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")
