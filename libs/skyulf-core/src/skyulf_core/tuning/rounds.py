"""Whether the rounds of halving draw enough rows for the folds, counted before anything is fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator

from skyulf_core.problems import Problem
from skyulf_core.tuning.config import TuningConfig
from skyulf_core.validation.config import FlatValidation, ShuffleSplit, StratifiedShuffleSplit, TimeSeries

FEWEST = 2
"""So many rows each part of each fold needs: two classes, or two numbers that differ."""


def least_drawn(part: int, rows: int, wanted: int = FEWEST) -> int:
    """Return the fewest of all rows of which a part of so many gets as many as are wanted; all where no fewer do.

    >>> least_drawn(64, 320)
    10
    """
    if part <= wanted:
        return rows
    least = math.ceil(wanted * rows / part)
    while int(least / rows * part) < wanted:  # as the rows are drawn: a share of them is rounded down
        least += 1
    return least


def smallest_part(mode: FlatValidation, rows: int) -> int:
    """Return how many rows the smallest part of the folds of so many rows has, at most; 0 where there are no folds.

    >>> from skyulf_core.validation.config import KFold
    >>> smallest_part(KFold(folds=5), 323)
    64
    """
    match mode:
        case ShuffleSplit() | StratifiedShuffleSplit():
            held = math.ceil(mode.test_size * rows) if isinstance(mode.test_size, float) else mode.test_size
            return max(min(held, rows - held), 0)
        case TimeSeries():
            held = mode.test_size or rows // (mode.folds + 1)
            return max(min(held, rows - mode.gap - held * mode.folds, mode.max_train or rows), 0)
        case _:
            return rows // mode.folds


def round_problems(config: TuningConfig, *, part: int, rows: int) -> Iterator[Problem]:
    """Yield a problem for each end of the rounds that leaves a part of a fold with too few of so many rows.

    `part` is the size of the smallest part. Rounds that give more of a parameter have all rows.
    """
    if not config.halving or config.resource != "rows":
        return
    least = least_drawn(part, rows)
    for name, which, usual in (
        ("min_resource", "first", "as many as the folds need"), ("max_resource", "last", "all rows"),
    ):  # fmt: skip
        given = getattr(config, name)
        if given is not None and given < least:
            drawn = int(given / rows * part)
            message = (
                f"Of {given:,} of {rows:,} rows in the {which} round, the smallest part of a fold would get {drawn:,}; "
                f"{FEWEST} are needed."
            )
            hint = f"Choose {least:,} or more, or leave it out: {usual}."
            yield Problem(f"/tuning/{name}", message, "too-few-rows", field=name, suggestion=hint)
