"""Exact quantiles of columns that memory does not hold.

Up to 200,000 rows are sorted. Of more, a sample says between which two values each quantile lies (Floyd and
Rivest, "Expected time bounds for selection", 1975); one further pass counts what is below and keeps what is between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl

SORTED_ROWS = 200_000
_SAMPLE = 100_000
_DEVIATIONS = 6.0
"""So many standard deviations of a sample's quantile lie on either side of the bracket: one in 10⁹ is outside."""


@dataclass(frozen=True)
class _Bracket:
    """Two values with a quantile between them; an infinite one where the sample has none further out."""

    column: str
    level: float
    low: float
    high: float


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
    found = _selected(values, _brackets(values, wanted, every=max(rows // _SAMPLE, 1)))
    missed = [pair for pair, (hit, _) in zip(wanted, found, strict=True) if not hit]
    again = iter(_sorted(frame, missed) if missed else ())
    return [value if hit else next(again) for hit, value in found]


def _sorted(frame: pl.LazyFrame, wanted: Sequence[tuple[str, float]]) -> list[float | None]:
    found = frame.select(
        pl.col(name).cast(pl.Float64).quantile(level, interpolation="linear").alias(str(index))
        for index, (name, level) in enumerate(wanted)
    )
    return list(found.collect().row(0))


def _brackets(values: pl.LazyFrame, wanted: Sequence[tuple[str, float]], *, every: int) -> list[_Bracket]:
    counter = "row" + "_" * max(len(name) for name, _ in wanted)
    sample = values.with_row_index(counter).filter(pl.col(counter) % every == 0).drop(counter).collect()
    return [_bracket(sample[name].drop_nulls(), name, level) for name, level in wanted]


def _bracket(sample: pl.Series, name: str, level: float) -> _Bracket:
    if not len(sample):
        return _Bracket(name, level, -math.inf, math.inf)
    spread = _DEVIATIONS * math.sqrt(max(level * (1 - level), 1 / len(sample)) / len(sample))
    below, above = level - spread, level + spread
    low = cast("float", sample.quantile(below, "lower")) if below > 0 else -math.inf
    high = cast("float", sample.quantile(above, "higher")) if above < 1 else math.inf
    return _Bracket(name, level, low, high)


def _selected(values: pl.LazyFrame, brackets: Sequence[_Bracket]) -> list[tuple[bool, float | None]]:
    """Return, per bracket, whether it held its quantile, and the quantile."""
    counts = values.select(
        expression.alias(f"{index}:{part}")
        for index, bracket in enumerate(brackets)
        for part, expression in _counts(bracket).items()
    )
    between = [
        values.select(bracket.column).filter(
            (pl.col(bracket.column) > bracket.low) & (pl.col(bracket.column) < bracket.high)
        )
        for bracket in brackets
    ]
    first, *rest = pl.collect_all([counts, *between])
    row = first.row(0, named=True)
    return [
        _quantile(bracket, {part: row[f"{index}:{part}"] for part in _counts(bracket)}, inner.to_series())
        for index, (bracket, inner) in enumerate(zip(brackets, rest, strict=True))
    ]


def _counts(bracket: _Bracket) -> dict[str, pl.Expr]:
    column = pl.col(bracket.column)
    return {
        "all": column.count(),
        "below": (column < bracket.low).sum(),
        "low": (column == bracket.low).sum(),
        "high": (column == bracket.high).sum() if bracket.high > bracket.low else pl.lit(0),
    }


def _quantile(bracket: _Bracket, counts: dict[str, int], inner: pl.Series) -> tuple[bool, float | None]:
    if not counts["all"]:
        return True, None
    place = (counts["all"] - 1) * bracket.level
    ordered = inner.sort()
    at = [_at(rank, bracket, counts, ordered) for rank in (math.floor(place), math.ceil(place))]
    if at[0] is None or at[1] is None:
        return False, None
    return True, at[0] if at[0] == at[1] else at[0] + (place - math.floor(place)) * (at[1] - at[0])


def _at(rank: int, bracket: _Bracket, counts: dict[str, int], ordered: pl.Series) -> float | None:
    """Return the value of a rank, None where it lies outside of the bracket."""
    rank -= counts["below"]
    if rank < 0:
        return None
    if rank < counts["low"]:
        return bracket.low
    rank -= counts["low"]
    if rank < len(ordered):
        return cast("float", ordered[rank])
    return bracket.high if rank - len(ordered) < counts["high"] else None
