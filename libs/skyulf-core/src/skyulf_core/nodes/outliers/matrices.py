"""What the model-based outlier nodes share: the rows without gaps, as a matrix."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.problems import DataError

MAX_COLUMNS = 500


def matrix_of(data: pl.DataFrame, columns: list[str]) -> NDArray[np.float64]:
    """Return columns as float64, NaN for null. Raises DataError for an infinite value."""
    matrix = np.empty((data.height, len(columns)))
    for index, name in enumerate(columns):
        matrix[:, index] = data[name].cast(pl.Float64).to_numpy()
        if np.isinf(matrix[:, index]).any():
            message = f"column {name!r} holds infinite values; use InvalidValueReplacement before"
            raise DataError(message, reason="not-finite", column=name)
    return matrix


def complete(matrix: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the positions of the rows without a missing value."""
    return np.flatnonzero(~np.isnan(matrix).any(axis=1))


def training_matrix(data: pl.DataFrame, columns: list[str], *, fewest: int) -> NDArray[np.float64]:
    """Return the complete rows in sorted order, so that the order of the rows teaches nothing. Raises DataError."""
    if len(columns) > MAX_COLUMNS:
        raise DataError(f"{len(columns)} columns; at most {MAX_COLUMNS} are worked on", reason="too-many-columns")
    matrix = matrix_of(data, columns)
    rows = matrix[complete(matrix)]
    if len(rows) < fewest:
        message = (
            f"{len(rows)} of {data.height} training rows have a value in every column; {fewest} are needed. "
            "Name fewer columns, or add a SimpleImputer before"
        )
        raise DataError(message, reason="too-few-rows")
    return rows[np.lexsort(rows.T[::-1])]
