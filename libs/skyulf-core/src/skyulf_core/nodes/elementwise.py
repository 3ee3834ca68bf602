"""Functions of numpy on the columns of a lazy query."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray


def mapped(name: str, function: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> pl.Expr:
    """Return the expression of a function of numbers; it is given nulls as NaN, and its NaN become null.

    numpy instead of an expression of polars where both must give the bits that the serving plan gives.
    """

    def run(column: pl.Series) -> pl.Series:
        return pl.Series(column.name, function(column.to_numpy()), dtype=pl.Float64, nan_to_null=True)

    return pl.col(name).cast(pl.Float64).map_batches(run, return_dtype=pl.Float64, is_elementwise=True)


def affine(name: str, offset: float, scale: float) -> pl.Expr:
    """Return `(x - offset) / scale` as the serving plan computes it.

    polars multiplies by the reciprocal of a constant divisor: the last bit would differ, and a tree whose threshold
    is a training value would send the row the other way.
    """

    def run(values: NDArray[np.float64]) -> NDArray[np.float64]:
        with np.errstate(over="ignore", invalid="ignore"):
            return (values - offset) / scale

    return mapped(name, run)
