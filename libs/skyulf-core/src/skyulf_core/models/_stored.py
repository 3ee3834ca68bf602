"""Models that keep training rows: how many they may keep."""

from __future__ import annotations

from skyulf_core.problems import DataError

MOST_NUMBERS = 20_000_000
"""Numbers that a model may keep (160 megabytes): every server that loads it holds them, and every answer reads them."""


def refuse_large(rows: int, numbers: int, node: str, what: str) -> None:
    """Raise DataError where a model would keep more than it may: `rows` of `numbers` numbers each."""
    if rows * numbers > MOST_NUMBERS:
        raise DataError(
            f"the model would keep {rows} {what} of {numbers} numbers, more than the {MOST_NUMBERS} numbers that a "
            "model may keep; train on fewer rows or features, or choose a model that keeps none of them",
            reason="too-large",
            node=node,
        )
