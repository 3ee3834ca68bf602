"""Operations that make groups of numbers: bins."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Literal

import numpy as np

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

    def batch(self, columns: Columns) -> None:
        """Bin columns: float64 where labels are numbers, else objects."""
        for name, cuts, labels, low, high, missing in self._rules():
            numbers = as_float(columns[name])
            table = from_plain([*labels, None, missing])
            found = np.searchsorted(np.array(cuts, np.float64), numbers, "right" if self.closed == "left" else "left")
            outside = np.zeros(len(numbers), np.bool_)
            if low is not None:
                outside |= numbers < low
            if high is not None:
                outside |= numbers > high
            found[outside] = len(labels)
            found[np.isnan(numbers)] = len(labels) + 1
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
