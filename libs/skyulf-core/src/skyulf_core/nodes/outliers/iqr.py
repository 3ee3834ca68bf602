"""IQR: training rows far outside of the quartiles."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.data.quantiles import quantiles
from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy, columns_field
from skyulf_core.nodes.outliers.bounds import BoundsApplier, finite
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema


class IQRConfig(NodeConfig):
    """How far from the quartiles a value may lie."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    multiplier: float = Field(
        default=1.5,
        gt=0.0,
        allow_inf_nan=False,
        title="Multiplier",
        description="So many times the distance between the quartiles a value may lie below or above them.",
    )


class IQRApplier(BoundsApplier):
    """Keeps rows without outliers."""


@NodeRegistry.register("IQR", IQRApplier)
class IQRCalculator(StreamingCalculator[IQRConfig]):
    """Leave out training rows with a value far outside of the quartiles; test rows and predictions keep all of theirs.

    Kept is `q1 - multiplier · (q3 - q1) ≤ x ≤ q3 + multiplier · (q3 - q1)` in every column, with quartiles
    interpolated linearly, as numpy's. A missing value is no outlier. In a column that is mostly one value the quartiles
    are equal, and every other value is an outlier.

    >>> data = pl.DataFrame({"fare": [7, 8, 9, 10, 500, None]})
    >>> params = IQRCalculator().fit(data, IQRConfig())
    >>> params["lower"], params["upper"]
    ([5.0], [13.0])
    >>> IQRApplier().apply(data, params)["fare"].to_list()
    [7, 8, 9, 10, None]

    >>> IQRCalculator().fit(data, IQRConfig(columns=["fair"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'fair'; the columns are: 'fare'
    """

    family = "outliers"
    kind = Kind.ROW_CHANGING
    keywords = ("outlier", "quartile", "interquartile range", "tukey", "extreme", "rows")
    examples = ({}, {"columns": ["number", "price"], "multiplier": 3.0}, {"columns": []})
    accepts = NUMERIC
    reference = "feature_engine.outliers.OutlierTrimmer(capping_method='iqr')"

    def learn(self, frame: pl.LazyFrame, config: IQRConfig) -> Params:
        """Learn both bounds of every column."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        found = quantiles(frame, [(name, level) for name in columns for level in (0.25, 0.75)])
        lower: list[float | None] = []
        upper: list[float | None] = []
        for name, low, high in zip(columns, found[0::2], found[1::2], strict=True):
            reach = None if low is None or high is None else config.multiplier * (high - low)
            lower.append(None if low is None or reach is None else finite(low - reach, name, "a bound"))
            upper.append(None if high is None or reach is None else finite(high + reach, name, "a bound"))
        return Params(columns=columns, lower=lower, upper=upper)

    def infer_schema(self, schema: Schema, config: IQRConfig) -> Schema:
        """Return the same columns."""
        return schema
