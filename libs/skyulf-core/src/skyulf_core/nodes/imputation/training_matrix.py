"""What the imputers share that learn from whole rows: the training rows as a bounded matrix in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.problems import DataError

MOST_CELLS = 20_000_000
LARGEST = 1e150
"""Its square is still finite."""
_SAMPLE_SEED = 0


def training_matrix(data: pl.DataFrame, columns: Sequence[str], most_rows: int) -> NDArray[np.float64]:
    """Return rows x columns, NaN where missing, sorted by their values; of more than `most_rows` a sample.

    Sorted, so that the order of the rows in a file teaches nothing. Raises DataError for a column without a value,
    with infinite ones, and for more cells than a bundle should hold.
    """
    if not columns:
        return np.empty((0, 0))
    for name in columns:
        _require_values(data[name])
    matrix = np.column_stack([data[name].cast(pl.Float64).to_numpy() for name in columns]) + 0.0
    matrix = matrix[np.lexsort(matrix.T[::-1])]
    if len(matrix) > most_rows:
        kept = np.random.default_rng(_SAMPLE_SEED).choice(len(matrix), most_rows, replace=False)
        matrix = matrix[np.sort(kept)]
        for name, column in zip(columns, matrix.T, strict=True):
            if np.isnan(column).all():
                raise _no_value(name, f"in the sample of {most_rows} training rows; raise max_samples, or drop it")
    if matrix.size > MOST_CELLS:
        raise DataError(
            f"{len(matrix)} training rows of {len(columns)} columns are too many to keep; lower max_samples or name "
            f"fewer columns, so that rows times columns stay below {MOST_CELLS}",
            reason="too-large",
        )
    return matrix


def _require_values(column: pl.Series) -> None:
    values = column.cast(pl.Float64).drop_nulls().drop_nans()
    if not len(values):
        raise _no_value(column.name, "in the training rows; drop it with DropColumns, or fill it with a constant")
    if bool((values.abs() > LARGEST).any()):
        raise DataError(
            f"column {column.name!r} holds infinite values or numbers too large: nothing can be learned from them",
            reason="not-finite",
            column=column.name,
        )


def _no_value(name: str, where: str) -> DataError:
    return DataError(f"column {name!r} has no value to learn from {where}", reason="all-null-column", column=name)
