"""Values by their rank in columns that memory does not hold.

A sample says between which two values each rank lies (Floyd and Rivest, "Expected time bounds for selection", 1975);
one further pass counts what is below and keeps what is between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.queries import collect_each

_SAMPLE = 100_000
_DEVIATIONS = 6.0
"""So many standard deviations of a sample's quantile lie on either side of the bracket: one in 10⁹ is outside."""


@dataclass(frozen=True)
class Bracket:
    """Two values with a rank between them; an infinite one where the sample has none further out."""

    column: str
    level: float
    low: float
    high: float

    def inside(self) -> pl.Expr:
        """Return whether a value lies between the two."""
        return (pl.col(self.column) > self.low) & (pl.col(self.column) < self.high)

    def counts(self) -> dict[str, pl.Expr]:
        """Return how many values there are, how many below the bracket, and how many equal its ends."""
        column = pl.col(self.column)
        return {
            "all": column.count(),
            "below": (column < self.low).sum(),
            "low": (column == self.low).sum(),
            "high": (column == self.high).sum() if self.high > self.low else pl.lit(0),
        }


@dataclass(frozen=True)
class Selected:
    """What is known of the ranks about one level of a column."""

    bracket: Bracket
    counts: Mapping[str, int]
    ordered: NDArray[np.float64]

    def at(self, rank: int) -> float | None:
        """Return the value of a rank, None where it lies outside of the bracket."""
        rank -= self.counts["below"]
        if rank < 0:
            return None
        if rank < self.counts["low"]:
            return self.bracket.low
        rank -= self.counts["low"]
        if rank < len(self.ordered):
            return float(self.ordered[rank])
        return self.bracket.high if rank - len(self.ordered) < self.counts["high"] else None


def select(values: pl.LazyFrame, wanted: Sequence[tuple[str, float]], *, rows: int) -> list[Selected]:
    """Return, per (column of floats, level from 0 to 1), what lies about that level."""
    brackets = _brackets(values, wanted, every=max(rows // _SAMPLE, 1))
    counts = values.select(
        expression.alias(f"{index}:{part}")
        for index, bracket in enumerate(brackets)
        for part, expression in bracket.counts().items()
    )
    inside: dict[str, list[pl.Expr]] = {bracket.column: [] for bracket in brackets}
    for bracket in brackets:
        inside[bracket.column].append(bracket.inside())
    between = [values.select(name).filter(pl.any_horizontal(each)) for name, each in inside.items()]
    first, *rest = collect_each([counts, *between])
    row = first.row(0, named=True)
    ordered = {name: np.sort(table[name].to_numpy()) for name, table in zip(inside, rest, strict=True)}
    return [
        Selected(
            bracket,
            {part: row[f"{index}:{part}"] for part in bracket.counts()},
            _between(ordered[bracket.column], bracket),
        )
        for index, bracket in enumerate(brackets)
    ]


def _between(ordered: NDArray[np.float64], bracket: Bracket) -> NDArray[np.float64]:
    first, last = np.searchsorted(ordered, bracket.low, "right"), np.searchsorted(ordered, bracket.high, "left")
    return ordered[first:last]


def _brackets(values: pl.LazyFrame, wanted: Sequence[tuple[str, float]], *, every: int) -> list[Bracket]:
    counter = "row" + "_" * max(len(name) for name, _ in wanted)
    sample = values.with_row_index(counter).filter(pl.col(counter) % every == 0).drop(counter).collect()
    ordered = {name: np.sort(sample[name].drop_nulls().to_numpy()) for name in sample.columns}
    return [_bracket(ordered[name], name, level) for name, level in wanted]


def _bracket(sample: NDArray[np.float64], name: str, level: float) -> Bracket:
    if not len(sample):
        return Bracket(name, level, -math.inf, math.inf)
    spread = _DEVIATIONS * math.sqrt(max(level * (1 - level), 1 / len(sample)) / len(sample))
    below, above, last = level - spread, level + spread, len(sample) - 1
    low = float(sample[math.floor(below * last)]) if below > 0 else -math.inf
    high = float(sample[math.ceil(above * last)]) if above < 1 else math.inf
    return Bracket(name, level, low, high)
