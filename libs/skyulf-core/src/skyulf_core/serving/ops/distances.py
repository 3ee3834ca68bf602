"""Distances of rows to stored ones, summed feature after feature, so that a row and a batch get the same bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, OpError, Row, as_float
from skyulf_core.serving.ops.imputing import nearest
from skyulf_core.serving.ops.linear import null_features, out_of_range, refuse_nulls

Metric: TypeAlias = Literal["euclidean", "manhattan", "chebyshev"]
Number = TypeVar("Number", np.float64, np.int64)
METRICS = ("euclidean", "manhattan", "chebyshev")
_CELLS = 500_000
"""Distances that are computed at once."""
_GROUPS = 64
"""So many stored rows are looked through by groups of them, and in float32 first."""
_SINGLE_PRECISION, _SINGLE_LARGEST = float(np.finfo(np.float32).eps), 1e30
_MOST_TIMES = 4


def blocks(rows: int, stored: int) -> Iterator[tuple[int, int]]:
    """Yield begin and end of runs of rows whose distances to all stored ones fit into memory."""
    step = max(1, _CELLS // max(stored, 1))
    for begin in range(0, rows, step):
        yield begin, min(begin + step, rows)


def of_row(values: Row, features: Sequence[str]) -> NDArray[np.float64]:
    """Return one row as 1 x columns; raises OpError for nulls."""
    problems = null_features(values, features)
    if problems:
        raise OpError(problems)
    return np.array([[values[name] for name in features]], np.float64)


def in_blocks(
    columns: Columns,
    features: Sequence[str],
    stored: int,
    found: Callable[[NDArray[np.float64], int], NDArray[Number]],
    kind: type[Number],
) -> NDArray[Number]:
    """Return what is found for all rows, asked for block by block with the number of its first row.

    Raises OpError for nulls.
    """
    read = [as_float(columns[name]) for name in features]
    refuse_nulls(features, read)
    whole = np.empty(len(read[0]) if read else 0, kind)
    for begin, end in blocks(len(whole), stored):
        whole[begin:end] = found(np.stack([column[begin:end] for column in read], axis=1), begin)
    return whole


def distances(
    block: NDArray[np.float64], stored: NDArray[np.float64], metric: Metric, *, squared: bool = False
) -> NDArray[np.float64]:
    """Return rows x stored rows; `squared` leaves the root of euclidean ones away."""
    found = np.zeros((len(block), len(stored)))
    with np.errstate(over="ignore", invalid="ignore"):
        for feature in range(stored.shape[1]):
            apart = block[:, feature, None] - stored[None, :, feature]
            if metric == "euclidean":
                found += apart * apart
            elif metric == "manhattan":
                found += np.abs(apart)
            else:
                np.maximum(found, np.abs(apart), out=found)
    return np.sqrt(found) if metric == "euclidean" and not squared else found


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of a block beside stored ones that may be nearest to them, sorted by both; `squares` are exact."""

    row: NDArray[np.int64]
    stored: NDArray[np.int64]
    squares: NDArray[np.float64]
    starts: NDArray[np.int64]
    """Where the pairs of each row begin; every row has one."""


class Stored:
    """Rows to be near to, in euclidean distance: a product of matrices leaves few whose distance must be computed."""

    def __init__(self, rows: NDArray[np.float64]) -> None:
        self._columns = np.ascontiguousarray(rows.T)
        with np.errstate(over="ignore", invalid="ignore"):
            self._middle = rows.mean(axis=0)
            centred = rows - self._middle
            norms = (centred * centred).sum(axis=1)
            # a row times this is its squared distances, less the square of the row itself
            self._matrix = np.concatenate([-2.0 * centred.T, norms[None]])
        self._reach = np.sqrt(norms.max(initial=0.0))

    @cached_property
    def _single(self) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return self._matrix.astype(np.float32)

    def pairs(self, block: NDArray[np.float64], count: int) -> Pairs | None:
        """Return pairs among which are the `count` nearest of each row; None where numbers are too large to say."""
        found = self._near(block, count)
        if found is None:
            return None
        row, stored = found
        return Pairs(row, stored, self._squares(block, row, stored), np.searchsorted(row, np.arange(len(block))))

    def nearest(self, block: NDArray[np.float64]) -> NDArray[np.int64] | None:
        """Return the nearest of each row, of equals the first; None where numbers are too large to say."""
        found = self._near(block, 1)
        if found is None or len(found[0]) == len(block):
            return None if found is None else found[1]
        row, stored = found
        winners = np.empty(len(block), np.int64)
        winners[row] = stored
        unsure = np.flatnonzero(np.bincount(row)[row] > 1)
        row, stored = row[unsure], stored[unsure]
        squares = self._squares(block, row, stored)
        starts = np.flatnonzero(np.diff(row, prepend=-1))
        least = np.minimum.reduceat(squares, starts)
        equal = np.flatnonzero(squares == np.repeat(least, np.diff(starts, append=len(row))))
        _, first = np.unique(row[equal], return_index=True)
        winners[row[starts]] = stored[equal[first]]
        return winners

    def _near(self, block: NDArray[np.float64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Return rows and stored ones that may be among the nearest, sorted by both.

        float32 is quicker, and leaves more of them; where it leaves too many, float64 has to say.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            centred = block - self._middle
            reach = np.sqrt((centred * centred).sum(axis=1)) + self._reach
            # no order of adding, here or in exact sums, is farther off than this times the precision
            error = 8.0 * (block.shape[1] + 4) * (reach * reach)
            if not np.isfinite(error).all():
                return None
            rows = np.concatenate([centred, np.ones((len(block), 1))], axis=1)
            if len(self._columns.T) >= _GROUPS and error.max(initial=0.0) < _SINGLE_LARGEST:
                found = _below(rows.astype(np.float32) @ self._single, count, error * _SINGLE_PRECISION + 1e-30)
                if len(found[0]) <= _MOST_TIMES * count * len(block):
                    return found
            return _below(rows @ self._matrix, count, error * np.finfo(np.float64).eps + 1e-290)

    def _squares(
        self, block: NDArray[np.float64], row: NDArray[np.int64], stored: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the squares of the distances, features in order."""
        squares = np.zeros(len(row))
        for own, others in zip(np.ascontiguousarray(block.T), self._columns, strict=True):
            apart = own.take(row) - others.take(stored)
            apart *= apart
            squares += apart
        return squares


def _below(
    about: NDArray[np.floating], count: int, error: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places (rows, columns) of the `count` least numbers of each row, and of those as good as these."""
    last = (_bound(about, count) + 2.0 * error).astype(about.dtype)
    # rounding must not leave one out
    row, stored = np.divmod(
        np.flatnonzero(about <= np.nextafter(last, np.inf, dtype=about.dtype)[:, None]), about.shape[1]
    )
    return row, stored


def _bound(about: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Return a number for each row that at least `count` of its numbers do not exceed, and few more than these."""
    rows, width = about.shape
    if count == 1:
        return np.asarray(about.min(axis=1), np.float64)
    groups = max(_GROUPS, 8 * count)
    if width >= 4 * groups:  # each group has its least number, and groups are fewer than numbers
        each = width // groups
        about = about[:, : each * groups].reshape(rows, each, groups).min(axis=1)
    return np.asarray(np.partition(about, count - 1, axis=1)[:, count - 1], np.float64)


def smallest(pairs: Pairs, values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return the places of the `count` pairs of each row with the smallest values, in their order; of equals the first.

    `values` go with the pairs, and are finite.
    """
    rows, sizes = len(pairs.starts), np.diff(pairs.starts, append=len(values))
    most = int(sizes.max(initial=count))
    if most == count:
        return np.arange(len(values)).reshape(rows, count)
    every = np.full((rows, most), np.inf)
    every[pairs.row, np.arange(len(values)) - pairs.starts[pairs.row]] = values
    return np.asarray(pairs.starts[:, None] + nearest(every, count), np.int64)


def check_finite(values: NDArray[np.float64], first: int) -> None:
    """Raise OpError for every row whose number is none; `first` is the place of the first row in the batch."""
    endless = np.flatnonzero(~np.isfinite(values))
    if len(endless):
        raise OpError([out_of_range(first + int(row)) for row in endless])
