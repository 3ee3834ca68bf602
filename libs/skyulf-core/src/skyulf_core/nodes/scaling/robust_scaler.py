"""RobustScaler: median 0 and interquartile range 1."""

from __future__ import annotations

from statistics import NormalDist
from typing import Annotated, TypeAlias

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.data.quantiles import quantiles
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.elementwise import affine
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.scaling.statistics import Numbers, finite, usable_scale
from skyulf_core.params import Params
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op

Percentile: TypeAlias = Annotated[float, Field(ge=0.0, le=100.0)]


class RobustScalerConfig(NodeConfig):
    """What to remove from each column, and which quantiles say how wide it is."""

    columns: ColumnNames | None = columns_field("all integer and float columns (0/1 indicators are left alone)")
    quantile_range: tuple[Percentile, Percentile] = Field(
        default=(25.0, 75.0),
        title="Quantile range",
        description="Percentiles between 0 and 100; their distance in the training rows becomes 1.",
        json_schema_extra={"x-visible-if": {"with_scaling": True}},
    )
    with_centering: bool = Field(default=True, title="Centre", description="Subtract the median of the training rows.")
    with_scaling: bool = Field(default=True, title="Scale", description="Divide by the distance of the quantiles.")
    unit_variance: bool = Field(
        default=False,
        title="Unit variance",
        description="Scale so that a column of normally distributed values gets variance 1.",
        json_schema_extra={"x-visible-if": {"with_scaling": True}},
    )

    @model_validator(mode="after")
    def _ordered(self) -> RobustScalerConfig:
        low, high = self.quantile_range
        if not 0.0 <= low < high <= 100.0:
            raise ValueError("quantile_range must be two percentiles between 0 and 100, the smaller one first")
        if self.unit_variance and (low == 0.0 or high == 100.0):
            raise ValueError(
                "unit_variance needs a quantile_range inside 0 and 100: the normal distribution has no ends"
            )
        return self

    def adjustment(self) -> float:
        """Return what the distance of the quantiles is divided by."""
        if not self.unit_variance:
            return 1.0
        low, high = (NormalDist().inv_cdf(percentile / 100.0) for percentile in self.quantile_range)
        return high - low


class RobustScalerApplier(LazyApplier):
    """Computes `(x - median) / distance of the quantiles`."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the scaled columns as floats; nulls stay null."""
        triples = zip(params.strings("columns"), params.numbers("centers"), params.numbers("scales"), strict=True)
        return frame.with_columns(affine(name, center, scale) for name, center, scale in triples)

    def plan(self, params: Params) -> list[Op]:
        """Return one affine operation."""
        offsets, scales = tuple(params.numbers("centers")), tuple(params.numbers("scales"))
        return [Affine(tuple(params.strings("columns")), offsets, scales)]


@NodeRegistry.register("RobustScaler", RobustScalerApplier)
class RobustScalerCalculator(StreamingCalculator[RobustScalerConfig]):
    """Scale numbers by median and quantiles, which a few extreme values do not move.

    Percentiles are interpolated linearly, as numpy's. Where the quantiles are equal the scale is 1; a column without
    values stays as it is.

    >>> data = pl.DataFrame({"income": [10.0, 20.0, 30.0, 40.0, 9000.0]})
    >>> params = RobustScalerCalculator().fit(data, RobustScalerConfig())
    >>> RobustScalerApplier().apply(data, params)["income"].to_list()
    [-1.0, -0.5, 0.0, 0.5, 448.5]

    >>> RobustScalerConfig(quantile_range=(75, 25))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "scaling"
    kind = Kind.LEARNED
    keywords = ("median", "quantile", "interquartile", "IQR", "outlier", "normalise")
    examples = (
        {},
        {"columns": ["number", "flag", "same"], "quantile_range": [10, 90], "unit_variance": True},
        {"with_centering": False},
        {"with_scaling": False},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.preprocessing.RobustScaler"

    def learn(self, frame: pl.LazyFrame, config: RobustScalerConfig) -> Params:
        """Learn median and quantiles of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        low, high = (percentile / 100.0 for percentile in config.quantile_range)
        found = iter(quantiles(frame, [(name, level) for name in columns for level in (0.5, low, high)]))
        rows = [finite(name, (next(found), next(found), next(found))) for name in columns]
        return Params(
            columns=columns,
            centers=[(row[0] or 0.0) if config.with_centering else 0.0 for row in rows],
            scales=[_scale(name, row, config) for name, row in zip(columns, rows, strict=True)],
        )

    def infer_schema(self, schema: Schema, config: RobustScalerConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")


def _scale(name: str, row: Numbers, config: RobustScalerConfig) -> float:
    _, low, high = row
    if low is None or high is None or not config.with_scaling:
        return 1.0
    return usable_scale(name, high - low) / config.adjustment()
