"""Exact quantiles of columns that memory does not hold: up to 200,000 rows are sorted, of more values are selected."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import polars as pl

from skyulf_core.data.selection import Selected, select

SORTED_ROWS = 200_000
_AT_ONCE = 64  # what polars needs to plan a quantile grows with all columns and quantiles of its query


def quantiles(
    frame: pl.LazyFrame, wanted: Sequence[tuple[str, float]], *, sorted_rows: int = SORTED_ROWS
) -> list[float | None]:
    """Return the quantile of each (column, level from 0 to 1), interpolated linearly as numpy's; None without values.

    Nulls are left out. Memory stays flat however many rows there are; the values are those of sorting.

    >>> quantiles(pl.LazyFrame({"x": [4, 1, None, 2]}), [("x", 0.5), ("x", 1.0)])
    [2.0, 4.0]
    """
    if not wanted:
        return []
    rows = cast("int", frame.select(pl.len()).collect().item())
    if rows <= sorted_rows:
        return _sorted(frame, wanted)
    values = frame.select(pl.col(name).cast(pl.Float64) for name in dict.fromkeys(name for name, _ in wanted))
    found = [_quantile(selected) for selected in select(values, wanted, rows=rows)]
    missed = [pair for pair, (hit, _) in zip(wanted, found, strict=True) if not hit]
    again = iter(_sorted(frame, missed) if missed else ())
    return [value if hit else next(again) for hit, value in found]


def _sorted(frame: pl.LazyFrame, wanted: Sequence[tuple[str, float]]) -> list[float | None]:
    values = frame.select(pl.col(name).cast(pl.Float64) for name in dict.fromkeys(name for name, _ in wanted)).collect()
    found: list[float | None] = []
    for begin in range(0, len(wanted), _AT_ONCE):
        part = wanted[begin : begin + _AT_ONCE]
        found += (
            values.select(list(dict.fromkeys(name for name, _ in part)))
            .select(
                pl.col(name).quantile(level, interpolation="linear").alias(str(index))
                for index, (name, level) in enumerate(part)
            )
            .row(0)
        )
    return found


def _quantile(selected: Selected) -> tuple[bool, float | None]:
    """Return whether the quantile was found, and the quantile."""
    if not selected.counts["all"]:
        return True, None
    place = (selected.counts["all"] - 1) * selected.bracket.level
    low, high = selected.at(math.floor(place)), selected.at(math.ceil(place))
    if low is None or high is None:
        return False, None
    return True, low if low == high else low + (place - math.floor(place)) * (high - low)
