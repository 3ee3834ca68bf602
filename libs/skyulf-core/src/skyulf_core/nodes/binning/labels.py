"""What bins are called."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from skyulf_core.params import Scalar
from skyulf_core.problems import DataError


def labels_for(
    name: str, edges: Sequence[float], kind: Literal["ordinal", "range", "custom"], custom: Sequence[str] | None
) -> list[Scalar]:
    """Return one label per bin of a column; without edges there is one bin. Raises DataError where own do not fit."""
    count = max(len(edges) - 1, 1)
    if kind == "ordinal":
        return list(range(count))
    if kind == "range":
        return list(range_labels(edges)) if edges else ["all"]
    if custom is None or len(custom) != count:
        raise DataError(
            f"column {name!r} has {count} different bins in the training rows, and {len(custom or ())} labels; "
            "lower n_bins and name fewer labels",
            reason="wrong-number-of-labels",
            column=name,
        )
    return list(custom)


def range_labels(edges: Sequence[float], *, right: bool = True, lowest: bool = True) -> list[str]:
    """Return texts like `(1, 2.5]`, with as many digits as the edges need to differ, four at least.

    >>> range_labels([0.0, 1.23456, 1.23457])
    ['[0, 1.23456]', '(1.23456, 1.23457]']
    """
    numbers = [edge + 0.0 for edge in edges]  # -0.0 and 0.0 are one number, so one text
    texts = next(texts for digits in range(4, 18) if _differ(texts := [f"{x:.{digits}g}" for x in numbers], numbers))
    opening, closing = ("(", "]") if right else ("[", ")")
    labels = [f"{opening}{low}, {high}{closing}" for low, high in pairwise(texts)]
    if right and lowest:
        labels[0] = "[" + labels[0][1:]
    return labels


def _differ(texts: Sequence[str], edges: Sequence[float]) -> bool:
    return len(set(texts)) == len(set(edges))
