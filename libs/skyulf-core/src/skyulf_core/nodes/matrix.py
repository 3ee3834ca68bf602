"""Columns as one matrix, checked, for nodes that learn with numpy or scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.frames import dtype_of
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE

Matrix = NDArray[np.float64]


def in_stated_order(data: pl.DataFrame) -> pl.DataFrame:
    """Return the rows sorted by all columns, first to last.

    An algorithm that rounds, draws or stops early learns something else from the same rows in another order; sorted,
    they teach the same to the last bit. Rows that are equal everywhere may change places: nobody can tell.
    """
    for keys in (data.columns[:1], data.columns[:3]):
        # where the first columns already differ in every row the others change nothing, and a sort by few is quick
        if keys and data.select(keys).n_unique() == data.height:
            return data.sort(keys, nulls_last=True)
    return data.sort(data.columns, nulls_last=True) if data.width else data


def matrix_of(data: pl.DataFrame, columns: Sequence[str]) -> Matrix:
    """Return the columns as floats, in their order, nulls as NaN. Raises DataError for texts and infinite values."""
    matrix = np.empty((data.height, len(columns)), np.float64, order="F")
    for position, name in enumerate(columns):
        if dtype_of(data.schema[name]) not in NUMBER_LIKE:
            message = f"column {name!r} is {dtype_of(data.schema[name])}; this node works on numbers"
            raise DataError(message, reason="wrong-type", column=name)
        # + 0.0: a zero may come as -0.0, which sorts as its equal and is another bit pattern
        matrix[:, position] = data[name].cast(pl.Float64).to_numpy() + 0.0
        if np.isinf(matrix[:, position]).any():
            raise DataError(f"column {name!r} holds infinite values", reason="not-finite", column=name)
    return matrix


def refuse_nulls(data: pl.DataFrame, columns: Sequence[str], why: str) -> None:
    """Raise DataError for the first column with missing values; `why` says what has no rule for them."""
    for name in columns:
        count = data[name].null_count()
        if count:
            raise DataError(
                f"column {name!r} is missing in {count} rows, and {why} has no rule for that; "
                "put a SimpleImputer before it",
                reason="missing-values",
                column=name,
            )


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn what scikit-learn (and its kin) raises about values into a DataError."""
    try:
        yield
    except (ValueError, RuntimeError, np.linalg.LinAlgError) as error:
        sentence = str(error).split("\n", 1)[0]
        raise DataError(f"{what} cannot learn from these rows: {sentence}", reason="fit-failed") from error
