"""Winsorize: extreme values brought to the percentiles of the training rows."""

from __future__ import annotations

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.data.quantiles import quantiles
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.outliers.bounds import finite
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Clip, Op


class WinsorizeConfig(NodeConfig):
    """Between which percentiles values stay as they are."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    lower_percentile: float = Field(
        default=5.0, ge=0.0, le=100.0, title="Lower percentile", description="Smaller values are raised to this one."
    )
    upper_percentile: float = Field(
        default=95.0, ge=0.0, le=100.0, title="Upper percentile", description="Larger values are lowered to this one."
    )

    @model_validator(mode="after")
    def _ordered(self) -> WinsorizeConfig:
        if self.lower_percentile >= self.upper_percentile:
            raise ValueError("lower_percentile must be smaller than upper_percentile")
        return self


class WinsorizeApplier(LazyApplier):
    """Clips at the learned bounds."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the clipped columns as floats; nulls stay null."""
        bounds = zip(params.strings("columns"), params.scalars("lower"), params.scalars("upper"), strict=True)
        return frame.with_columns(
            pl.col(name).cast(pl.Float64).clip(pl.lit(low, pl.Float64), pl.lit(high, pl.Float64))
            if low is not None
            else pl.col(name).cast(pl.Float64)
            for name, low, high in bounds
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one clip operation."""
        lower = tuple(_bound(value) for value in params.scalars("lower"))
        upper = tuple(_bound(value) for value in params.scalars("upper"))
        return [Clip(columns=tuple(params.strings("columns")), lower=lower, upper=upper)]


def _bound(value: object) -> float | None:
    return value if isinstance(value, float) else None


@NodeRegistry.register("Winsorize", WinsorizeApplier)
class WinsorizeCalculator(StreamingCalculator[WinsorizeConfig]):
    """Bring extreme values to the percentiles of the training rows, keeping every row.

    Percentiles are interpolated linearly, as numpy's. A column without values stays null.

    >>> data = pl.DataFrame({"fare": [1, 2, 3, 4, 100]})
    >>> params = WinsorizeCalculator().fit(data, WinsorizeConfig(lower_percentile=0, upper_percentile=75))
    >>> WinsorizeApplier().apply(data, params)["fare"].to_list()
    [1.0, 2.0, 3.0, 4.0, 4.0]

    >>> WinsorizeConfig(lower_percentile=95, upper_percentile=5)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "outliers"
    kind = Kind.LEARNED
    keywords = ("outlier", "clip", "cap", "percentile", "extreme")
    examples = ({}, {"columns": ["number"], "lower_percentile": 0, "upper_percentile": 50}, {"columns": []})
    accepts = NUMERIC
    reference = "feature_engine.outliers.Winsorizer(capping_method='quantiles')"

    def learn(self, frame: pl.LazyFrame, config: WinsorizeConfig) -> Params:
        """Learn both percentiles of every column."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        levels = (config.lower_percentile / 100.0, config.upper_percentile / 100.0)
        wanted = [(name, level) for name in columns for level in levels]
        row = [
            finite(value, name, "a percentile")
            for (name, _), value in zip(wanted, quantiles(frame, wanted), strict=True)
        ]
        return Params(columns=columns, lower=row[0::2], upper=row[1::2])

    def infer_schema(self, schema: Schema, config: WinsorizeConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")
