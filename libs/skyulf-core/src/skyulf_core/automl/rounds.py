"""What is tried, and in which rounds: more and more rows and folds for fewer and fewer candidates."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from skyulf_core.automl.families import Family
from skyulf_core.pipeline.resolved import Resolved

_SMALL = 2_000
"""So few rows are never thinned: a first look is a fold of all of them."""
_FIRST_ROWS = 10_000


@dataclass(frozen=True)
class Candidate:
    """A pipeline to try. `factor` says how much its parameters make it slower than its family's first one, `risk` how
    much more they might.

    `guess` is what training on all rows may take where its family is never measured by itself.
    """

    family: Family
    params: dict[str, JsonValue]
    resolved: Resolved
    factor: float = 1.0
    risk: float = 1.0
    guess: float | None = None


@dataclass(frozen=True)
class Rung:
    """How much each candidate of a round gets."""

    index: int
    rows: int
    folds: int


def rungs_of(rows: int, folds: int) -> tuple[Rung, ...]:
    """Return the rounds: more and more rows and folds.

    >>> [(rung.rows, rung.folds) for rung in rungs_of(100_000, 3)]
    [(10000, 1), (33333, 2), (100000, 1), (100000, 3)]
    """
    if rows <= _SMALL:
        steps = [(rows, 1), (rows, folds)]
    else:
        first = max(min(rows // 9, _FIRST_ROWS), _SMALL // 2)
        steps = [(first, 1), *([(rows // 3, 2)] if rows // 3 > 2 * first else []), (rows, 1), (rows, folds)]
    distinct = list(dict.fromkeys((some, min(count, folds)) for some, count in steps))
    return tuple(Rung(index, some, count) for index, (some, count) in enumerate(distinct))
