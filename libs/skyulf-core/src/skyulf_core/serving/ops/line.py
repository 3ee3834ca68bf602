"""Rows in the order of time: the tail of each group's training rows, and new rows that follow on it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

SortKey: TypeAlias = tuple[NDArray[Any], NDArray[np.bool_]]
"""Values to sort by (of any kind that numpy sorts), and which of them are null: those come last."""

_CELLS = 2_000_000  # of a matrix of windows at once
_NAN = math.nan


@dataclass(frozen=True)
class Line:
    """Tails and new rows laid out group by group, the oldest first.

    `source` says which row stands at each place: of all tails joined and the new rows after them. `rank` counts the
    rows of its group before it, `at` is the place of each new row.
    """

    source: NDArray[np.int64]
    rank: NDArray[np.int64]
    at: NDArray[np.int64]

    def lagged(self, lag: int) -> NDArray[np.int64]:
        """Return the source of the row `lag` rows before each new row; -1 where there is none."""
        there = self.rank[self.at] >= lag
        return np.where(there, self.source[np.where(there, self.at - lag, 0)] if len(self.at) else -1, -1)


def lay_out(codes: NDArray[np.int64], keys: Sequence[SortKey], ends: NDArray[np.int64]) -> Line:
    """Lay out new rows behind their groups' tails, sorted by keys, else in the order in which they come.

    `codes` is the group of each row: the tail of group `g` is `ends[g - 1] … ends[g]` of the tails joined; a code from
    `len(ends)` on is a group without one.
    """
    criteria = [codes, *(part for values, nulls in keys for part in (nulls, np.where(nulls, values[:1], values)))]
    order = np.lexsort(criteria[::-1])  # keeps the order of equals
    present, begin, counts = np.unique(codes[order], return_index=True, return_counts=True)
    known = present < len(ends)
    bounds = np.concatenate([[0], ends]).astype(np.int64)
    group = np.where(known, present, 0)
    tail_start = np.where(known, bounds[group], 0)
    tail_size = np.where(known, bounds[np.minimum(group + 1, len(ends))] - tail_start, 0)
    size = tail_size + counts
    first = np.cumsum(size) - size
    source = np.empty(int(size.sum()), np.int64)
    step = _steps(tail_size)
    source[np.repeat(first, tail_size) + step] = np.repeat(tail_start, tail_size) + step
    places = np.repeat(first + tail_size - begin, counts) + np.arange(len(codes))
    source[places] = bounds[-1] + order
    at = np.empty(len(codes), np.int64)
    at[order] = places
    return Line(source, _steps(size), at)


def _steps(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0 … size-1 for each size, one after the other."""
    return np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)


@dataclass(frozen=True)
class Windows:
    """Windows of `window` rows that end `offset` rows before each row (0: with the row itself)."""

    window: int
    offset: int
    min_periods: int

    def of_line(self, values: NDArray[np.float64], line: Line, name: str) -> NDArray[np.float64]:
        """Return an aggregate for each new row. Sums run from the oldest value to the newest, as in `of_row`."""
        with np.errstate(all="ignore"):
            count = self._folded(values, line, lambda into, value, use: into + use, 0.0)
            if name == "count":
                return count[line.at]
            found = _BATCH[name](self, values, line, count)
            return np.where(count < self.min_periods, np.nan, found)[line.at]

    def of_row(self, past: list[float], name: str) -> float | None:
        """Return an aggregate of the values (nulls left out) in one row's window."""
        if name == "count":
            return float(len(past))
        if len(past) < self.min_periods:
            return None
        found = _ROW[name](past)
        return found if found == found else None

    def _folded(
        self, values: NDArray[np.float64], line: Line, step: Callable[..., NDArray[np.float64]], start: float
    ) -> NDArray[np.float64]:
        """Fold each window, the oldest row first."""
        into = np.full(len(values), start)
        for back, use in self._backwards(values, line):
            into[back:] = step(into[back:], values[: len(values) - back], use)
        return into

    def _backwards(self, values: NDArray[np.float64], line: Line) -> Iterator[tuple[int, NDArray[np.bool_]]]:
        valid = ~np.isnan(values)
        longest = min(self.window - 1 + self.offset, int(line.rank.max(initial=-1)))
        for back in range(longest, self.offset - 1, -1):
            yield back, valid[: len(values) - back] & (line.rank[back:] >= back)

    def total(self, values: NDArray[np.float64], line: Line, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sums."""
        return self._folded(values, line, lambda into, value, use: into + np.where(use, value, 0.0), 0.0)

    def mean(self, values: NDArray[np.float64], line: Line, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the means."""
        return self.total(values, line, count) / count

    def std(self, values: NDArray[np.float64], line: Line, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the standard deviations of samples, in two passes; fewer than two values have none."""
        mean, squares = self.mean(values, line, count), np.zeros(len(values))
        for back, use in self._backwards(values, line):
            apart = np.where(use, values[: len(values) - back] - mean[back:], 0.0)
            squares[back:] += apart * apart
        return np.where(count < 2, np.nan, np.sqrt(squares / (count - 1)))

    def least(self, values: NDArray[np.float64], line: Line, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the smallest values."""
        return self._folded(values, line, lambda into, value, use: np.fmin(into, np.where(use, value, _NAN)), _NAN)

    def most(self, values: NDArray[np.float64], line: Line, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest values."""
        return self._folded(values, line, lambda into, value, use: np.fmax(into, np.where(use, value, _NAN)), _NAN)

    def median(self, values: NDArray[np.float64], line: Line, count: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the middle values, of even numbers the mean of both."""
        found = np.full(len(values), np.nan)
        back = np.arange(self.offset, self.offset + min(self.window, int(line.rank.max(initial=0)) + 1))
        chunk = max(1, _CELLS // max(len(back), 1))
        for begin in range(0, len(line.at), chunk):
            at = line.at[begin : begin + chunk]
            there = line.rank[at][:, None] >= back
            window = np.sort(np.where(there, values[np.where(there, at[:, None] - back, 0)], np.nan), axis=1)
            known = np.maximum(count[at].astype(np.int64), 1)
            rows = np.arange(len(at))
            found[at] = (window[rows, (known - 1) // 2] + window[rows, known // 2]) / 2.0
        return found


def _sum(past: list[float]) -> float:
    total = 0.0
    for value in past:  # the builtin sum rounds otherwise, depending on Python's version
        total += value
    return total


def _std(past: list[float]) -> float:
    if len(past) < 2:
        return _NAN
    mean, squares = _sum(past) / len(past), 0.0
    for value in past:
        squares += (value - mean) * (value - mean)
    return math.sqrt(squares / (len(past) - 1))


def _median(past: list[float]) -> float:
    ordered = sorted(past)
    return (ordered[(len(past) - 1) // 2] + ordered[len(past) // 2]) / 2.0


_BATCH: dict[str, Callable[..., NDArray[np.float64]]] = {
    "mean": Windows.mean, "sum": Windows.total, "min": Windows.least, "max": Windows.most, "std": Windows.std,
    "median": Windows.median,
}  # fmt: skip
_ROW: dict[str, Callable[[list[float]], float]] = {
    "mean": lambda past: _sum(past) / len(past), "sum": _sum, "min": min, "max": max, "std": _std, "median": _median,
}  # fmt: skip
AGGREGATIONS = ("count", *_BATCH)
"""Names of what a window can be reduced to."""
