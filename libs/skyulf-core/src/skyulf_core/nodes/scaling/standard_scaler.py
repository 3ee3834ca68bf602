"""StandardScaler: mean 0 and standard deviation 1."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op

_EPSILON = float(np.finfo(np.float64).eps)


class StandardScalerConfig(NodeConfig):
    """What to remove from each column."""

    columns: ColumnNames | None = columns_field("all integer and float columns (0/1 indicators are left alone)")
    with_mean: bool = Field(default=True, title="Centre", description="Subtract the mean of the training rows.")
    with_std: bool = Field(
        default=True,
        title="Scale",
        description="Divide by the standard deviation of the training rows (of the population: ddof 0).",
    )


class StandardScalerApplier(Applier):
    """Computes `(x - mean) / deviation`."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the scaled columns as floats; nulls stay null."""
        triples = zip(params.strings("columns"), params.numbers("means"), params.numbers("scales"), strict=True)
        return data.with_columns(_scaled(data[name], mean, scale) for name, mean, scale in triples)

    def plan(self, params: Params) -> list[Op]:
        """Return one affine operation."""
        return [
            Affine(
                columns=tuple(params.strings("columns")),
                offsets=tuple(params.numbers("means")),
                scales=tuple(params.numbers("scales")),
            )
        ]


def _scaled(column: pl.Series, mean: float, scale: float) -> pl.Series:
    # numpy, because polars multiplies by the reciprocal of a constant divisor: the last bit would differ from the
    # serving plan, and a tree whose threshold is a training value would send the row the other way
    values = (column.cast(pl.Float64).to_numpy() - mean) / scale
    return pl.Series(column.name, values, nan_to_null=True)


@NodeRegistry.register("StandardScaler", StandardScalerApplier)
class StandardScalerCalculator(Calculator[StandardScalerConfig]):
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

    def fit(self, data: pl.DataFrame, config: StandardScalerConfig) -> Params:
        """Learn mean and deviation of every column, in one query."""
        columns = chosen_from(data, config.columns, NUMERIC)
        floats = data.lazy().select(pl.col(name).cast(pl.Float64) for name in columns)
        found = floats.select(
            expression
            for name in columns
            for expression in (
                pl.col(name).mean().alias(f"{name}:mean"),
                _variance(pl.col(name)).alias(f"{name}:var"),
                pl.col(name).count().alias(f"{name}:count"),
            )
        ).collect()
        row = found.row(0) if columns else ()
        pairs = [_offset_and_scale(name, row[3 * i : 3 * i + 3], config) for i, name in enumerate(columns)]
        return Params(columns=columns, means=[p[0] for p in pairs], scales=[p[1] for p in pairs])

    def infer_schema(self, schema: Schema, config: StandardScalerConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")


def _variance(column: pl.Expr) -> pl.Expr:
    # two passes and the correction of the mean's own rounding, as scikit-learn: var() alone loses digits where the
    # mean is large
    centred = column - column.mean()
    return (centred**2).mean() - centred.mean() ** 2


def _offset_and_scale(
    name: str, statistics: tuple[float | None, ...], config: StandardScalerConfig
) -> tuple[float, float]:
    mean, variance, count = statistics
    if mean is None or variance is None or count is None:
        return 0.0, 1.0
    if not math.isfinite(mean) or not math.isfinite(variance):
        raise DataError(
            f"column {name!r} holds infinite values or numbers too large to scale", reason="not-finite", column=name
        )
    # the error bound of a variance of equal values, as in scikit-learn: below it the column is constant
    constant = variance <= count * _EPSILON * variance + (count * mean * _EPSILON) ** 2
    scale = 1.0 if constant or not config.with_std else math.sqrt(variance)
    return (mean if config.with_mean else 0.0), scale
