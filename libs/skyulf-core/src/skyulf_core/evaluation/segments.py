"""Segments: the values of a column as a few groups of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST = 10
BINS = 4
MISSING = "missing"
OTHER = "other"


@dataclass(frozen=True, eq=False)
class Segments:
    """The segment of each row (a code into `labels`)."""

    codes: NDArray[np.int64]
    labels: tuple[str, ...]

    def mask(self, code: int) -> NDArray[np.bool_]:
        """Return which rows are in a segment."""
        return np.asarray(self.codes == code)


def segments_of(values: NDArray[np.generic], *, most: int = MOST, bins: int = BINS) -> Segments:
    """Return the rows of a column by value, where it has few; numbers that are many by quantiles, else the most
    frequent values and `other`. Missing values (None, NaN, NaT) are a segment of their own.

    >>> segments_of(np.array(["a", "b", None, "a"], object)).labels
    ('a', 'b', 'missing')
    """
    missing = _missing(values)
    known = values[~missing]
    codes = np.full(len(values), -1, np.int64)
    is_number = known.dtype.kind in "iuf" or (
        known.dtype == object and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)
    )
    if is_number and len(numbers := np.unique(known.astype(np.float64))) > most:
        found, labels = _binned(known.astype(np.float64), numbers, bins)
    else:
        texts = np.array([_text(value) for value in known.tolist()], dtype=str)
        found, labels = _counted(texts, most)
    codes[~missing] = found
    if missing.any():
        codes[missing] = len(labels)
        labels = [*labels, _free(MISSING, "no value", labels)]
    return Segments(codes, tuple(labels))


def _missing(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.asarray(np.isnan(values))
    if values.dtype.kind in "mM":
        return np.asarray(np.isnat(values))
    if values.dtype == object:
        return np.array([value is None or value != value for value in values.tolist()], dtype=np.bool_)
    return np.zeros(len(values), np.bool_)


def _binned(
    values: NDArray[np.float64], distinct: NDArray[np.float64], bins: int
) -> tuple[NDArray[np.int64], list[str]]:
    inner = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    inner = inner[inner > distinct[0]]
    if not len(inner):  # most rows have the least value: it against the rest
        inner = distinct[1:2]
    ends = [f"{end:.6g}" for end in inner]
    labels = [f"< {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f">= {ends[-1]}"]
    return np.searchsorted(inner, values, side="right").astype(np.int64), labels


def _counted(texts: NDArray[np.str_], most: int) -> tuple[NDArray[np.int64], list[str]]:
    names, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    if len(names) <= most:
        return codes.astype(np.int64), [str(name) for name in names]
    kept = np.sort(np.argsort(-counts, kind="stable")[: most - 1])
    table = np.full(len(names), len(kept))
    table[kept] = np.arange(len(kept))
    shown = [str(name) for name in names[kept]]
    return table[codes].astype(np.int64), [*shown, _free(OTHER, "all the rest", shown)]


def _free(label: str, meaning: str, taken: Sequence[str]) -> str:
    """Return a label that no value has itself: a column may well hold the text `missing`."""
    while label in taken:
        label = f"{label} ({meaning})"
    return label


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
