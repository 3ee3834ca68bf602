"""ZScore: training rows many standard deviations from the mean."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy, columns_field
from skyulf_core.nodes.outliers.bounds import BoundsApplier, finite
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema


class ZScoreConfig(NodeConfig):
    """How far from the mean a value may lie."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    threshold: float = Field(
        default=3.0,
        gt=0.0,
        allow_inf_nan=False,
        title="Threshold",
        description="So many standard deviations a value may lie from the mean.",
    )


class ZScoreApplier(BoundsApplier):
    """Keeps rows without outliers."""


@NodeRegistry.register("ZScore", ZScoreApplier)
class ZScoreCalculator(StreamingCalculator[ZScoreConfig]):
    """Leave out training rows with a value many standard deviations from the mean; other rows keep all of theirs.

    Kept is `|x - mean| ≤ threshold · std` in every column; the standard deviation is that of the population (ddof 0),
    as scipy.stats.zscore has it. A missing value is no outlier, and a constant column has none. Among n rows no
    z-score is above `(n - 1) / √n`: of ten rows none is above 2.85.

    >>> data = pl.DataFrame({"fare": [7, 8, 9, 10, 500]})
    >>> params = ZScoreCalculator().fit(data, ZScoreConfig(threshold=1.9))
    >>> ZScoreApplier().apply(data, params)["fare"].to_list()
    [7, 8, 9, 10]

    >>> ZScoreCalculator().fit(data, ZScoreConfig(columns=["fair"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'fair'; the columns are: 'fare'
    """

    family = "outliers"
    kind = Kind.ROW_CHANGING
    keywords = ("outlier", "z-score", "standard deviation", "sigma", "extreme", "rows")
    examples = ({}, {"columns": ["number", "price"], "threshold": 1.5}, {"columns": []})
    accepts = NUMERIC
    reference = "scipy.stats.zscore"

    def learn(self, frame: pl.LazyFrame, config: ZScoreConfig) -> Params:
        """Learn mean and standard deviation of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        numbers = [pl.col(name).cast(pl.Float64) for name in columns]
        statistics = [
            part.alias(f"{index}:{key}")
            for index, number in enumerate(numbers)
            for key, part in (
                ("mean", number.mean()),
                ("std", number.std(ddof=0)),
                ("min", number.min()),
                ("max", number.max()),
            )
        ]
        row = frame.select(statistics).collect().row(0) if columns else ()
        lower: list[float | None] = []
        upper: list[float | None] = []
        for name, mean, std, least, most in zip(columns, row[0::4], row[1::4], row[2::4], row[3::4], strict=True):
            # the mean of equal values may be off by its last bit, which would make all of them outliers
            bounds = (least, most) if least == most else (mean - config.threshold * std, mean + config.threshold * std)
            lower.append(finite(bounds[0], name, "the mean"))
            upper.append(finite(bounds[1], name, "the mean"))
        return Params(columns=columns, lower=lower, upper=upper)

    def infer_schema(self, schema: Schema, config: ZScoreConfig) -> Schema:
        """Return the same columns."""
        return schema
