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
MOST = 1e38
"""Numbers beyond it are out of range in single precision, which trees work in."""

_TOO_FEW = "there are too few rows"
_TOO_LARGE = "numbers are too large or too small to compute with; scale the columns first"
_WORDS = {
    "n_neighbors": "a class has fewer rows than neighbours are asked for; lower the number of neighbours",
    "too large": _TOO_LARGE, "infs or nans": _TOO_LARGE, "non-finite": _TOO_LARGE, "did not converge": _TOO_LARGE,
    "not positive definite": _TOO_LARGE, "overflow": _TOO_LARGE, "singular": _TOO_LARGE, "contains nan": _TOO_LARGE,
    "0 sample": _TOO_FEW, "minimum of": _TOO_FEW, "n_samples": _TOO_FEW, "too few": _TOO_FEW, "empty": _TOO_FEW,
    "0 feature": "there are no columns",
}  # fmt: skip


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
        dtype = dtype_of(data[name].dtype)
        if dtype not in NUMBER_LIKE:
            message = f"column {name!r} is {dtype}; this node works on numbers"
            raise DataError(message, reason="wrong-type", column=name)
        # + 0.0: a zero may come as -0.0, which sorts as its equal and is another bit pattern
        matrix[:, position] = data[name].cast(pl.Float64).to_numpy() + 0.0
        if np.isinf(matrix[:, position]).any():
            message = f"column {name!r} holds infinite values; put an InvalidValueReplacement (rule inf) before it"
            raise DataError(message, reason="not-finite", column=name)
    return matrix


def refuse_huge(matrix: Matrix, columns: Sequence[str]) -> None:
    """Raise DataError for the first column with numbers whose squares, or single precision, are no numbers.

    A solver that meets them does not refuse them all: the one of linear support vectors runs for ever.
    """
    for position, name in enumerate(columns):
        if bool((np.abs(matrix[:, position]) > MOST).any()):
            message = f"column {name!r} holds numbers beyond {MOST:.0e}; scale or clip it before"
            raise DataError(message, reason="out-of-range", column=name)


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


def in_own_words(error: Exception) -> str:
    """Return what an error of a library below says, as a person who does not know that library can act on it."""
    if isinstance(error, OverflowError):  # data are floats, which overflow without an error
        return "a whole number of the configuration is too large"
    text = str(error).split("\n", 1)[0]
    return next((words for sign, words in _WORDS.items() if sign in text.lower()), text.rstrip("."))


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn what scikit-learn (and its kin) raises about values into a DataError."""
    try:
        yield
    except (ValueError, RuntimeError, OverflowError, np.linalg.LinAlgError) as error:
        raise DataError(f"{what} cannot learn from these rows: {in_own_words(error)}", reason="fit-failed") from error
