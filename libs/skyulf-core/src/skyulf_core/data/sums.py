"""Sums that come out the same, to the last bit, in whatever order the rows are added.

polars adds up parts of the rows at once, and which rows are in which part is decided by its threads. A sum of floats
depends on their order; params, and what is decided by them, shall not.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

_DIGITS = sys.float_info.mant_dig
_MOST = 1_000
"""Exponents from here on leave no room for the splitters: such numbers are added as they come."""


@dataclass(frozen=True)
class Sums:
    """Aggregations over at most `rows` floats of which none is above `largest`, both ways from zero.

    Each number is cut into two parts on grids so coarse that sums of parts are exact (Demmel and Nguyen's reproducible
    summation), and a rest, whose rounding is far below the last digit of the whole.
    """

    largest: float
    rows: int

    def sum(self, values: pl.Expr) -> pl.Expr:
        """Return the aggregation of the sum; nulls do not count, and the sum of nothing is 0."""
        added: pl.Expr | None = None
        for splitter in self._splitters():
            part = (values + splitter) - splitter
            added = part.sum() if added is None else added + part.sum()
            values = values - part
        return values.sum() if added is None else added + values.sum()

    def mean(self, values: pl.Expr) -> pl.Expr:
        """Return the aggregation of the mean; null where there is no value."""
        count = values.count()
        return pl.when(count > 0).then(self.sum(values) / count)

    def _splitters(self) -> list[float]:
        if not self.largest or not math.isfinite(self.largest):
            return []
        carry = self.rows.bit_length() + 1
        first = math.frexp(self.largest)[1] + carry
        # one and a half of a power of two, so that a negative number leads into no finer grid
        return [math.ldexp(1.5, power) for power in (first, first - _DIGITS + carry)] if first < _MOST else []


def sums_of(frame: pl.LazyFrame, columns: Sequence[str]) -> list[Sums]:
    """Return what adds up each column, read as floats: one query for all of them."""
    largest = [pl.col(name).cast(pl.Float64).abs().max().alias(f"{i}") for i, name in enumerate(columns)]
    rows, *found = frame.select(pl.len().alias("rows"), *largest).collect().row(0)
    return [Sums(value or 0.0, rows) for value in found]
