"""VarianceThreshold: columns that hardly vary left out."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
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
        """Learn variance and range of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        # by position: a name may hold anything
        floats = frame.select(pl.col(name).cast(pl.Float64).alias(str(i)) for i, name in enumerate(columns))
        found = floats.select(part for i in range(len(columns)) for part in _statistics(str(i)))
        row = found.collect(engine="streaming").row(0) if columns else ()
        pairs = [(row[2 * i], row[2 * i + 1]) for i in range(len(columns))]
        for name, (variance, _) in zip(columns, pairs, strict=True):
            if variance is not None and not math.isfinite(variance):
                message = f"column {name!r} holds infinite values or numbers too large to square"
                raise DataError(message, reason="not-finite", column=name)
        variances = [math.nan if variance is None else variance for variance, _ in pairs]
        least = config.threshold * (1.0 + _ROUNDING)
        # for threshold 0 the range decides: it is exact, and the variance of equal values may round to more than 0
        kept = [(r or 0.0) > 0.0 if least == 0.0 else v > least for v, (_, r) in zip(variances, pairs, strict=True)]
        return selection(columns, kept, variances=np.array(variances, np.float64))

    def infer_schema(self, schema: Schema, config: VarianceThresholdConfig) -> Schema:
        """Return the schema with the looked-at columns as ones that may be dropped."""
        return maybe(schema, chosen(config.columns, schema, NUMERIC))


def _statistics(name: str) -> tuple[pl.Expr, pl.Expr]:
    column = pl.col(name)
    # var() merges what it knows of parts of the rows: no column is held, and no digits are lost to a large mean
    return column.var(ddof=0).alias(f"{name}:variance"), (column.max() - column.min()).alias(f"{name}:range")
