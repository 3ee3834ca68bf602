"""CorrelationThreshold: of columns that say the same, the first one kept."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field
from skyulf_core.nodes.matrix import Matrix, matrix_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.selection.correlations import correlations
from skyulf_core.nodes.selection.kept import SelectionApplier, maybe, selection
from skyulf_core.params import Params
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema

_ROUNDING = 1e-12


class CorrelationThresholdConfig(NodeConfig):
    """From which correlation on two columns say the same."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    threshold: float = Field(
        default=0.9, ge=0.0, le=1.0, title="Threshold", description="Largest correlation, without sign, of two columns."
    )
    method: Literal["pearson", "spearman", "kendall"] = Field(
        default="pearson",
        title="Method",
        description="pearson: linear. spearman: of the ranks. kendall: of the order of pairs (tau-b; slow on many "
        "columns).",
    )


class CorrelationThresholdApplier(SelectionApplier):
    """Leaves out what another column says already."""


@NodeRegistry.register("CorrelationThreshold", CorrelationThresholdApplier)
class CorrelationThresholdCalculator(Calculator[CorrelationThresholdConfig]):
    """Leave out columns that correlate with an earlier one.

    Columns are compared in their order (that of `columns`, or of the frame): each is dropped that is above the
    threshold with one that was kept before it. A pair is measured on the rows where both have a value, as
    `pandas.DataFrame.corr` does; a column without two different values correlates with nothing and is kept. Equal to
    the threshold, up to rounding, is not above it. feature_engine's DropCorrelatedFeatures goes by the alphabet
    instead of the order of the columns, and is the same otherwise.

    >>> data = pl.DataFrame({"metres": [1.0, 2.0, 4.0], "age": [3, 1, 2], "feet": [3.3, 6.6, 13.1]})
    >>> params = CorrelationThresholdCalculator().fit(data, CorrelationThresholdConfig())
    >>> CorrelationThresholdApplier().apply(data, params).columns
    ['metres', 'age']

    >>> CorrelationThresholdCalculator().fit(data, CorrelationThresholdConfig(columns=["yards"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'yards'; the columns are: 'metres', 'age', 'feet'
    """

    family = "selection"
    kind = Kind.LEARNED
    keywords = ("correlation", "redundant", "collinear", "duplicate", "feature selection")
    examples = (
        {},
        {"threshold": 0.1},
        {"method": "spearman", "threshold": 0.05},
        {"method": "kendall", "columns": ["price", "number", "flag", "lat"], "threshold": 0.02},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "feature_engine.selection.DropCorrelatedFeatures"

    def fit(self, data: pl.DataFrame, config: CorrelationThresholdConfig) -> Params:
        """Learn all correlations, and which columns they drop."""
        columns = chosen_from(data, config.columns, NUMERIC)
        found = correlations(matrix_of(data, columns), config.method)
        return selection(columns, _kept(found, config.threshold + _ROUNDING), correlations=found)

    def infer_schema(self, schema: Schema, config: CorrelationThresholdConfig) -> Schema:
        """Return the schema with the looked-at columns as ones that may be dropped."""
        return maybe(schema, chosen(config.columns, schema, NUMERIC))


def _kept(found: Matrix, threshold: float) -> list[bool]:
    kept: list[int] = []
    for column in range(len(found)):
        # NaN is never above
        if not (np.abs(found[column, kept]) > threshold).any():
            kept.append(column)
    return [column in kept for column in range(len(found))]
