"""What the scalers share: statistics of all columns in one query, and the scale of columns that are constant."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl

from skyulf_core.problems import DataError

EPSILON = float(np.finfo(np.float64).eps)
Numbers: TypeAlias = tuple[float | None, ...]


def statistics_of(
    frame: pl.LazyFrame,
    columns: Sequence[str],
    statistics: Callable[[pl.Expr], Sequence[pl.Expr]],
    *,
    usable: Callable[[str, Numbers], Numbers] | None = None,
) -> list[Numbers]:
    """Return the statistics of each column as floats; those of a column without values are None.

    `usable` is what looks at them (left out: `finite`).
    """
    if not columns:
        return []
    width = len(statistics(pl.col(columns[0])))
    found = frame.select(
        expression.cast(pl.Float64).alias(f"{i}:{j}")
        for i, name in enumerate(columns)
        for j, expression in enumerate(statistics(pl.col(name).cast(pl.Float64)))
    ).collect()
    row: Numbers = found.row(0)
    return [(usable or finite)(name, row[width * i : width * (i + 1)]) for i, name in enumerate(columns)]


def finite(name: str, values: Numbers) -> Numbers:
    """Return the values. Raises DataError for an infinite one."""
    if not all(value is None or math.isfinite(value) for value in values):
        raise DataError(
            f"column {name!r} holds infinite values or numbers too large to scale", reason="not-finite", column=name
        )
    return values


def usable_scale(name: str, scale: float) -> float:
    """Return the scale, or 1 where the column is constant but for rounding, as scikit-learn has it."""
    if not math.isfinite(scale):
        finite(name, (scale,))
    return 1.0 if scale < 10.0 * EPSILON else scale


def moments_of(
    frame: pl.LazyFrame, columns: Sequence[str], *, usable: Callable[[str, Numbers], Numbers] | None = None
) -> list[Numbers]:
    """Return mean, variance (ddof 0) and number of values of each column.

    Two passes and the correction of the mean's own rounding, as scikit-learn: a sum of squares alone loses digits where
    the mean is large, and a query that centres by its own mean holds the whole column.
    """
    first = statistics_of(frame, columns, lambda column: [column.mean(), column.count()], usable=usable)
    centred = frame.select(
        (pl.col(name).cast(pl.Float64) - found[0]).alias(name) for name, found in zip(columns, first, strict=True)
    )
    second = statistics_of(centred, columns, lambda column: [column.mean(), (column**2).mean()], usable=usable)
    return [
        (mean, None if rest is None or squares is None else squares - rest * rest, count)
        for (mean, count), (rest, squares) in zip(first, second, strict=True)
    ]


def deviation(mean: float, variance: float, count: float) -> float:
    """Return the standard deviation, or 1 where the column is constant but for rounding."""
    # the error bound of a variance of equal values, as in scikit-learn: below it the column is constant
    rounding = count * mean * EPSILON  # squared by a product: a power raises where the result is too large
    constant = variance <= count * EPSILON * variance + rounding * rounding
    return 1.0 if constant else math.sqrt(variance)
