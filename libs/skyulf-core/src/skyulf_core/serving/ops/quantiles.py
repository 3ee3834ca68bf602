"""The quantile_map operation: numbers to their place among the quantiles of training."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, Row, RowFunction, as_float, operation

_BOUND = 1e-7
_LEAST = _BOUND - float(np.spacing(1))
_MOST = 1.0 - _LEAST
# Wichura (1988), algorithm AS 241, as Python's statistics has it; the tail beyond e**-25 is never reached here
_MIDDLE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_TAIL = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip


@operation
@dataclass(frozen=True, eq=False)
class QuantileMap(Op):
    """Replace a number by its place among the quantiles of its column (0 to 1), or by the normal quantile of that.

    `quantiles` holds a row per column, in ascending order, and `references` the place of each. The place is the mean
    of two linear interpolations, one in ascending and one in descending order, which differ where quantiles repeat:
    `(up(x) - down(-x)) / 2` over (quantiles, references) and (-quantiles, -references) turned round. Where a segment
    starts at x its reference is taken. The largest quantile is 1 and then the smallest is 0; for `normal` so is all
    that is nearer than 1e-7 to them. For `normal` the place is brought into [1e-7 - e, 1 - 1e-7 + e] (e = 2**-52) and
    becomes the quantile of the normal distribution. Columns whose quantiles are NaN become null.
    """

    op: ClassVar[str] = "quantile_map"
    columns: tuple[str, ...]
    quantiles: NDArray[np.float64]
    references: NDArray[np.float64]
    output_distribution: Literal["uniform", "normal"] = "uniform"

    def __post_init__(self) -> None:
        object.__setattr__(self, "quantiles", np.asarray(self.quantiles, np.float64))
        object.__setattr__(self, "references", np.asarray(self.references, np.float64))
        if self.quantiles.shape != (len(self.columns), len(self.references)) or not len(self.references):
            raise ValueError(f"quantile_map: shape {self.quantiles.shape} for {len(self.columns)} columns")
        if self.output_distribution not in ("uniform", "normal"):
            raise ValueError(f"quantile_map: output_distribution {self.output_distribution!r}")

    def row_function(self) -> RowFunction:
        """Map one row."""
        up: list[float] = self.references.tolist()
        down = [-place for place in reversed(up)]
        tables = [
            (name, values, [-value for value in reversed(values)])
            for name, values in zip(self.columns, self.quantiles.tolist(), strict=True)
        ]
        normal, margin = self.output_distribution == "normal", _BOUND if self.output_distribution == "normal" else 0.0
        quantile = NormalDist().inv_cdf

        def run(row: Row) -> None:
            for name, values, negated in tables:
                found = row[name]
                first = values[0]
                if found is None or found != found or first != first:
                    row[name] = None
                    continue
                x = float(found)  # a whole number beyond 2**53 is compared as the batch compares it
                if x == first or x - margin < first:
                    place = 0.0
                elif x == values[-1] or x + margin > values[-1]:
                    place = 1.0
                else:
                    place = 0.5 * (_interpolated(x, values, up) - _interpolated(-x, negated, down))
                row[name] = quantile(min(max(place, _LEAST), _MOST)) if normal else place

        return run

    def batch(self, columns: Columns) -> None:
        """Map columns."""
        for name, quantiles in zip(self.columns, self.quantiles, strict=True):
            columns[name] = places(as_float(columns[name]), quantiles, self.references, self.output_distribution)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Keep the columns that are needed."""
        kept = [i for i, name in enumerate(self.columns) if name in after]
        columns = tuple(self.columns[i] for i in kept)
        return replace(self, columns=columns, quantiles=self.quantiles[kept]) if kept else None


def _interpolated(x: float, xs: list[float], ys: list[float]) -> float:
    at = bisect_right(xs, x) - 1
    if at < 0:
        return ys[0]
    if at >= len(xs) - 1 or xs[at] == x:
        return ys[at]
    return (ys[at + 1] - ys[at]) / (xs[at + 1] - xs[at]) * (x - xs[at]) + ys[at]


def places(
    values: NDArray[np.float64], quantiles: NDArray[np.float64], references: NDArray[np.float64], distribution: str
) -> NDArray[np.float64]:
    """Return the places of numbers among quantiles, or their normal quantiles; NaN stays NaN."""
    if np.isnan(quantiles[0]):
        return np.full(len(values), np.nan)
    normal, margin = distribution == "normal", _BOUND if distribution == "normal" else 0.0
    up = np.interp(values, quantiles, references)
    down = np.interp(-values, -quantiles[::-1], -references[::-1])
    place = np.where(np.isnan(values), np.nan, 0.5 * (up - down))  # over a single quantile interp loses NaN
    place = np.where((values == quantiles[-1]) | (values + margin > quantiles[-1]), 1.0, place)
    place = np.where((values == quantiles[0]) | (values - margin < quantiles[0]), 0.0, place)
    return normal_quantile(np.clip(place, _LEAST, _MOST)) if normal else place


def normal_quantile(place: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the quantiles of the normal distribution for places between e**-25 and 1 - e**-25.

    To the last bit those of Python's statistics, which rows are given: bins that come after it have edges among them.
    """
    q = place - 0.5
    above, below = _polynomials(0.180625 - q * q, _MIDDLE)
    found = above * q / below
    far = np.flatnonzero(np.abs(q) > 0.425)
    nearest = np.minimum(place[far], 1.0 - place[far])
    # numpy's own logarithm may differ from that of C in the last bit
    logarithms = np.fromiter(map(math.log, nearest.tolist()), np.float64, len(far))
    above, below = _polynomials(np.sqrt(-logarithms) - 1.6, _TAIL)
    found[far] = np.copysign(above / below, q[far])
    return found


def _polynomials(
    r: NDArray[np.float64], both: tuple[tuple[float, ...], tuple[float, ...]]
) -> list[NDArray[np.float64]]:
    return [np.asarray(np.polyval(np.array(coefficients), r), np.float64) for coefficients in both]
