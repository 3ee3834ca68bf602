"""MinMaxScaler: numbers brought into a range."""

from __future__ import annotations

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.elementwise import affine
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.scaling.statistics import Numbers, statistics_of, usable_scale
from skyulf_core.params import Params
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Clip, Op


class MinMaxScalerConfig(NodeConfig):
    """Where smallest and largest values go."""

    columns: ColumnNames | None = columns_field("all integer and float columns (0/1 indicators are left alone)")
    feature_range: tuple[float, float] = Field(
        default=(0.0, 1.0),
        title="Range",
        description="What the smallest and the largest value of the training rows become.",
    )
    clip: bool = Field(
        default=False, title="Clip", description="Bring values beyond those of the training rows to the range's ends."
    )

    @model_validator(mode="after")
    def _ordered(self) -> MinMaxScalerConfig:
        if not self.feature_range[0] < self.feature_range[1] or self.feature_range[1] - self.feature_range[0] > 1e300:
            raise ValueError("feature_range must be two finite numbers, the smaller one first")
        return self


class MinMaxScalerApplier(LazyApplier):
    """Computes `(x - minimum) / scale`, shifted to the start of the range."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the scaled columns as floats; nulls stay null."""
        low, high = params.numbers("feature_range")
        columns = params.strings("columns")
        triples = zip(columns, params.numbers("minima"), params.numbers("scales"), strict=True)
        frame = frame.with_columns(affine(name, minimum, scale) for name, minimum, scale in triples)
        if low:
            frame = frame.with_columns(affine(name, -low, 1.0) for name in columns)
        return frame.with_columns(pl.col(name).clip(low, high) for name in columns) if params.flag("clip") else frame

    def plan(self, params: Params) -> list[Op]:
        """Return affine operations, and a clip where asked for."""
        low, high = params.numbers("feature_range")
        columns = tuple(params.strings("columns"))
        many = len(columns)
        ops: list[Op] = [Affine(columns, tuple(params.numbers("minima")), tuple(params.numbers("scales")))]
        if low:
            ops.append(Affine(columns, (-low,) * many, (1.0,) * many))
        if params.flag("clip"):
            ops.append(Clip(columns, (low,) * many, (high,) * many))
        return ops


@NodeRegistry.register("MinMaxScaler", MinMaxScalerApplier)
class MinMaxScalerCalculator(StreamingCalculator[MinMaxScalerConfig]):
    """Bring the smallest value of each column to 0 and the largest to 1, or to a range of your own.

    A constant column becomes the start of the range; a column without values stays as it is. New values beyond those
    of the training rows leave the range, unless `clip` is set. As scikit-learn's, but computed as
    `(x - minimum) / scale + start`, so that the smallest value is the start to the last bit.

    >>> data = pl.DataFrame({"age": [20, 30, 40]})
    >>> params = MinMaxScalerCalculator().fit(data, MinMaxScalerConfig(clip=True))
    >>> MinMaxScalerApplier().apply(pl.DataFrame({"age": [20, 25, 99, None]}), params)["age"].to_list()
    [0.0, 0.25, 1.0, None]

    >>> MinMaxScalerCalculator().fit(pl.DataFrame({"age": [20.0, float("inf")]}), MinMaxScalerConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'age' holds infinite values or numbers too large to scale
    """

    family = "scaling"
    kind = Kind.LEARNED
    keywords = ("normalise", "range", "min", "max", "0-1", "rescale")
    examples = (
        {},
        {"columns": ["number", "flag", "same"], "feature_range": [-1, 1]},
        {"feature_range": [2, 5], "clip": True},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.preprocessing.MinMaxScaler"

    def learn(self, frame: pl.LazyFrame, config: MinMaxScalerConfig) -> Params:
        """Learn minimum and maximum of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        found = statistics_of(frame, columns, lambda column: [column.min(), column.max()])
        low, high = config.feature_range
        return Params(
            columns=columns,
            minima=[pair[0] or 0.0 for pair in found],
            scales=[_scale(name, pair, high - low) for name, pair in zip(columns, found, strict=True)],
            feature_range=[low, high],
            clip=config.clip,
        )

    def infer_schema(self, schema: Schema, config: MinMaxScalerConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")


def _scale(name: str, pair: Numbers, width: float) -> float:
    low, high = pair
    if low is None or high is None:
        return 1.0
    return usable_scale(name, high - low) / width
