"""Operations that make groups of numbers: bins."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    Scalar,
    as_float,
    from_plain,
    operation,
    same_length,
)

_FEW_CUTS = 24
"""Up to so many cuts are quicker compared one by one than searched."""


@operation
@dataclass(frozen=True)
class Bins(Op):
    """Replace a number by the label of the bin that it lies in.

    `cuts[i]` are the ascending bounds between the bins of `columns[i]`, `labels[i]` one label more. A number on a cut
    belongs to the bin above it (`closed` `left`) or below it (`right`). A number below `lower[i]` or above `upper[i]`
    becomes null; a bound of null is none, so the outer bins are open. A null becomes `missing[i]`.
    """

    op: ClassVar[str] = "bins"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "cuts", "labels", "lower", "upper", "missing")
    columns: tuple[str, ...]
    cuts: tuple[tuple[float, ...], ...]
    labels: tuple[tuple[Scalar, ...], ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    missing: tuple[Scalar, ...]
    closed: Literal["left", "right"] = "right"

    def __post_init__(self) -> None:
        same_length("bins", **{name: getattr(self, name) for name in self.parallel})
        for cuts, labels in zip(self.cuts, self.labels, strict=True):
            if len(labels) != len(cuts) + 1 or any(low >= high for low, high in pairwise(cuts)):
                raise ValueError("bins: cuts must ascend, with one label more than cuts")
        if self.closed not in ("left", "right"):
            raise ValueError(f"bins: closed {self.closed!r}")

    def row_function(self) -> RowFunction:
        """Bin one row."""
        find = bisect_right if self.closed == "left" else bisect_left
        rules = tuple(
            (name, cuts, labels, -np.inf if low is None else float(low), np.inf if high is None else float(high), null)
            for name, cuts, labels, low, high, null in self._rules()
        )

        def run(values: Row) -> None:
            for name, cuts, labels, low, high, missing in rules:
                value = values[name]
                if value is None or value != value:
                    values[name] = missing
                    continue
                number = float(value)
                values[name] = labels[find(cuts, number)] if low <= number <= high else None

        return run

    @cached_property
    def _tables(self) -> tuple[NDArray[Any], ...]:
        """The labels of each column, then null, then the label of a null."""
        return tuple(from_plain([*labels, None, missing]) for _, _, labels, _, _, missing in self._rules())

    def batch(self, columns: Columns) -> None:
        """Bin columns: float64 where labels are numbers, else objects."""
        for (name, cuts, labels, low, high, _), table in zip(self._rules(), self._tables, strict=True):
            numbers = as_float(columns[name])
            found = bins_of(numbers, cuts, self.closed)
            if low is not None:
                found[numbers < low] = len(labels)
            if high is not None:
                found[numbers > high] = len(labels)
            nulls = np.isnan(numbers)
            if nulls.any():
                found[nulls] = len(labels) + 1
            columns[name] = table[found]

    def _rules(
        self,
    ) -> zip[tuple[str, tuple[float, ...], tuple[Scalar, ...], float | None, float | None, Scalar]]:
        return zip(self.columns, self.cuts, self.labels, self.lower, self.upper, self.missing, strict=True)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null stops here where it has a label."""
        for name, missing in zip(self.columns, self.missing, strict=True):
            if missing is not None:
                origins[name] = frozenset()
        return frozenset()


def bins_of(
    numbers: NDArray[np.float64], cuts: tuple[float, ...], closed: Literal["left", "right"]
) -> NDArray[np.integer[Any]]:
    """Return how many cuts lie below each number (`right`), or not above it (`left`); anything for NaN."""
    if len(cuts) > _FEW_CUTS:
        return np.searchsorted(np.array(cuts, np.float64), numbers, "right" if closed == "left" else "left")
    found = np.zeros(len(numbers), np.uint8)
    passes = np.greater_equal if closed == "left" else np.greater
    for cut in cuts:
        found += passes(numbers, cut)
    return found
