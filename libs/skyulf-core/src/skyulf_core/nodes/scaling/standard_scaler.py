"""StandardScaler: mean 0 and standard deviation 1."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.elementwise import affine
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.scaling.statistics import Numbers, deviation, moments_of
from skyulf_core.params import Params
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op


class StandardScalerConfig(NodeConfig):
    """What to remove from each column."""

    columns: ColumnNames | None = columns_field("all integer and float columns (0/1 indicators are left alone)")
    with_mean: bool = Field(default=True, title="Centre", description="Subtract the mean of the training rows.")
    with_std: bool = Field(
        default=True,
        title="Scale",
        description="Divide by the standard deviation of the training rows (of the population: ddof 0).",
    )


class StandardScalerApplier(LazyApplier):
    """Computes `(x - mean) / deviation`."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the scaled columns as floats; nulls stay null."""
        triples = zip(params.strings("columns"), params.numbers("means"), params.numbers("scales"), strict=True)
        return frame.with_columns(affine(name, mean, scale) for name, mean, scale in triples)

    def plan(self, params: Params) -> list[Op]:
        """Return one affine operation."""
        return [
            Affine(
                columns=tuple(params.strings("columns")),
                offsets=tuple(params.numbers("means")),
                scales=tuple(params.numbers("scales")),
            )
        ]


@NodeRegistry.register("StandardScaler", StandardScalerApplier)
class StandardScalerCalculator(StreamingCalculator[StandardScalerConfig]):
    """Bring numbers to mean 0 and standard deviation 1.

    A constant column becomes 0; a column without values stays null.

    >>> data = pl.DataFrame({"x": [1.0, 2.0, 3.0], "same": [5, 5, 5]})
    >>> params = StandardScalerCalculator().fit(data, StandardScalerConfig())
    >>> StandardScalerApplier().apply(data, params).to_dict(as_series=False)
    {'x': [-1.224744871391589, 0.0, 1.224744871391589], 'same': [0.0, 0.0, 0.0]}

    >>> StandardScalerCalculator().fit(pl.DataFrame({"x": [1.0, float("inf")]}), StandardScalerConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'x' holds infinite values or numbers too large to scale
    """

    family = "scaling"
    kind = Kind.LEARNED
    keywords = ("normalise", "standardise", "z-score", "mean", "standard deviation")
    examples = ({}, {"columns": ["number", "flag"]}, {"with_mean": False}, {"with_std": False}, {"columns": []})
    accepts = NUMBER_LIKE
    reference = "sklearn.preprocessing.StandardScaler"

    def learn(self, frame: pl.LazyFrame, config: StandardScalerConfig) -> Params:
        """Learn mean and deviation of every column, in two passes over all of them."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        pairs = [_offset_and_scale(found, config) for found in moments_of(frame, columns)]
        return Params(columns=columns, means=[p[0] for p in pairs], scales=[p[1] for p in pairs])

    def infer_schema(self, schema: Schema, config: StandardScalerConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")


def _offset_and_scale(statistics: Numbers, config: StandardScalerConfig) -> tuple[float, float]:
    mean, variance, count = statistics
    if mean is None or variance is None or count is None:
        return 0.0, 1.0
    return (mean if config.with_mean else 0.0), (deviation(mean, variance, count) if config.with_std else 1.0)
