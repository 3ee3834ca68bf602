"""VarianceThreshold: columns that hardly vary left out."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.scaling.statistics import Numbers, moments_of, statistics_of
from skyulf_core.nodes.selection.kept import SelectionApplier, maybe, selection
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema

_ROUNDING = 1e-12


class VarianceThresholdConfig(NodeConfig):
    """How much a column must vary."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    threshold: float = Field(
        default=0.0,
        ge=0.0,
        allow_inf_nan=False,
        title="Threshold",
        description="Columns whose variance is not above this are dropped. 0: those with one value only.",
    )


class VarianceThresholdApplier(SelectionApplier):
    """Leaves out what varies too little."""


@NodeRegistry.register("VarianceThreshold", VarianceThresholdApplier)
class VarianceThresholdCalculator(StreamingCalculator[VarianceThresholdConfig]):
    """Leave out columns whose values hardly vary.

    The variance is that of the population (ddof 0) of the values that are there; missing ones do not count, and a
    column without any value has no variance and is dropped, as in scikit-learn. Equal to the threshold, up to rounding,
    is not above it. With threshold 0 a column stays where two of its values differ. Columns that are not looked at pass
    through.

    >>> data = pl.DataFrame({"x": [1.0, 2.0, 3.0], "same": [5, 5, 5], "city": ["a", "a", "a"]})
    >>> params = VarianceThresholdCalculator().fit(data, VarianceThresholdConfig())
    >>> VarianceThresholdApplier().apply(data, params).columns
    ['x', 'city']

    >>> VarianceThresholdCalculator().fit(data, VarianceThresholdConfig(threshold=10))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: none of the 2 columns passes the selection; lower what it asks for
    """

    family = "selection"
    kind = Kind.LEARNED
    keywords = ("constant", "variance", "low variance", "feature selection", "quasi-constant")
    examples = ({}, {"threshold": 1.5}, {"columns": ["number", "same", "flag"], "threshold": 0.1}, {"columns": []})
    accepts = NUMBER_LIKE
    reference = "sklearn.feature_selection.VarianceThreshold"

    def learn(self, frame: pl.LazyFrame, config: VarianceThresholdConfig) -> Params:
        """Learn variance and, where it decides, range of every column, in passes over all of them."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        found = [variance for _, variance, _ in moments_of(frame, columns, usable=_squarable)]
        variances = [math.nan if variance is None else max(variance, 0.0) for variance in found]
        least = config.threshold * (1.0 + _ROUNDING)
        if least:
            kept = [variance > least for variance in variances]
        else:  # the range is exact, and the variance of equal values may round to more than 0
            kept = [bool(differ) for (differ,) in statistics_of(frame, columns, lambda x: [x.max() > x.min()])]
        return selection(columns, kept, variances=np.array(variances, np.float64))

    def infer_schema(self, schema: Schema, config: VarianceThresholdConfig) -> Schema:
        """Return the schema with the looked-at columns as ones that may be dropped."""
        return maybe(schema, chosen(config.columns, schema, NUMERIC))


def _squarable(name: str, values: Numbers) -> Numbers:
    if not all(value is None or math.isfinite(value) for value in values):
        message = f"column {name!r} holds infinite values or numbers too large to square"
        raise DataError(message, reason="not-finite", column=name)
    return values
