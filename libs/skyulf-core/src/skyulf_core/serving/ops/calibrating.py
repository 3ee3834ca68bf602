"""From scores to probabilities that were learned on rows that the model did not see: the calibrate operation."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, Op, OpError, Row, RowFunction, operation
from skyulf_core.serving.ops.linear import PROBABILITIES, SCORES, out_of_range
from skyulf_core.serving.ops.links import expit, expits

_ALMOST_ONE = 1.0 + 1e-5


@operation
@dataclass(frozen=True, eq=False)
class Calibrate(Op):
    """Write probabilities that were calibrated, one function a class (two classes: one, of the second).

    What is calibrated are the scores (two classes: the one score), or the probabilities (two classes: that of the
    second). `sigmoid`: `1 / (1 + exp(slope * x + offset))` with `parameters[k]` = (slope, offset). `isotonic`:
    `parameters[k]` holds points (x, y), x ascending; x is brought between the first and the last, and y lies on the
    line through the two points around it. Two classes: `[1 - p, p]`. More: each is divided by the sum of all, summed in
    order; where that is 0, all are equal. A probability above 1 by at most 1e-5 is 1.
    """

    op: ClassVar[str] = "calibrate"
    classes: int
    parameters: tuple[NDArray[np.float64], ...]
    method: Literal["sigmoid", "isotonic"] = "sigmoid"
    source: Literal["scores", "probabilities"] = "scores"

    def __post_init__(self) -> None:
        found = tuple(np.asarray(each, np.float64) for each in self.parameters)
        object.__setattr__(self, "parameters", found)
        if self.method not in ("sigmoid", "isotonic") or self.source not in ("scores", "probabilities"):
            raise ValueError(f"calibrate: method {self.method!r}, source {self.source!r}")
        wanted = 1 if self.classes == 2 else self.classes
        if self.classes < 2 or len(found) != wanted:
            raise ValueError(f"calibrate: {len(found)} functions for {self.classes} classes")
        for each in found:
            points = each.ndim == 2 and len(each) > 0 and each.shape[1] == 2 and bool((np.diff(each[:, 0]) > 0).all())
            if each.shape != (2,) if self.method == "sigmoid" else not points:
                raise ValueError(f"calibrate: parameters of shape {each.shape}")

    def _functions(self) -> list[Callable[[float], float]]:
        return [_sigmoid(each) if self.method == "sigmoid" else _isotonic(each) for each in self.parameters]

    def _row(self) -> Callable[[Sequence[float]], list[float] | None]:
        functions, share = self._functions(), 1.0 / self.classes
        place = -1 if self.classes == 2 else 0

        def calibrated(found: Sequence[float]) -> list[float] | None:
            if place:
                positive = functions[0](found[place])
                return [1.0 - positive, min(positive, 1.0)] if positive == positive else None
            values = [function(value) for function, value in zip(functions, found, strict=True)]
            total = 0.0
            for value in values:
                total += value
            if total != total:
                return None
            shares = [value / total for value in values] if total else [share] * len(values)
            return [1.0 if 1.0 < value <= _ALMOST_ONE else value for value in shares]

        return calibrated

    def row_function(self) -> RowFunction:
        """Calibrate one row."""
        source, calibrated = self._source, self._row()

        def run(values: Row) -> None:
            found = calibrated(values[source])
            if found is None:
                raise OpError([out_of_range(0)])
            values[PROBABILITIES] = found

        return run

    def batch(self, columns: Columns) -> None:
        """Calibrate a batch: the steps of a row, on all rows at once."""
        found = columns[self._source]
        places = [found.shape[1] - 1] if self.classes == 2 else range(self.classes)
        with np.errstate(over="ignore", invalid="ignore"):
            values = [self._all(each, found[:, k]) for each, k in zip(self.parameters, places, strict=True)]
            if self.classes == 2:
                total = values[0]
                columns[PROBABILITIES] = np.stack([1.0 - total, np.minimum(total, 1.0)], axis=1)
            else:
                total = np.zeros(len(found))
                for value in values:
                    total += value
                columns[PROBABILITIES] = self._shared(np.stack(values, axis=1), total[:, None])
        endless = np.flatnonzero(np.isnan(total))
        if len(endless):
            raise OpError([out_of_range(int(row)) for row in endless])

    def _all(self, each: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one function of all values."""
        if self.method == "sigmoid":
            slope, offset = each
            return expits(-(slope * values + offset))
        places, levels = each.T
        if len(places) == 1:
            return np.where(np.isnan(values), np.nan, levels[0])
        high = np.clip(places.searchsorted(values), 1, len(places) - 1)
        slope = (levels[high] - levels[high - 1]) / (places[high] - places[high - 1])
        between = slope * (values - places[high - 1]) + levels[high - 1]
        found = np.where(values >= places[-1], levels[-1], between)
        return np.asarray(np.where(values <= places[0], levels[0], found), np.float64)

    def _shared(self, values: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = np.where(total != 0.0, values / np.where(total != 0.0, total, 1.0), 1.0 / self.classes)
        return np.asarray(np.where((shares > 1.0) & (shares <= _ALMOST_ONE), 1.0, shares), np.float64)

    @property
    def _source(self) -> str:
        return SCORES if self.source == "scores" else PROBABILITIES

    def makes(self) -> frozenset[str]:
        """Make the probabilities."""
        return frozenset({PROBABILITIES})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need what is calibrated."""
        return (after - {PROBABILITIES}) | {self._source}


def _sigmoid(parameters: NDArray[np.float64]) -> Callable[[float], float]:
    slope, offset = parameters.tolist()
    return lambda value: expit(-(slope * value + offset))


def _isotonic(points: NDArray[np.float64]) -> Callable[[float], float]:
    places, values = points[:, 0].tolist(), points[:, 1].tolist()
    last = len(places) - 1

    def found(value: float) -> float:
        if value <= places[0]:
            return float(values[0])
        if value >= places[last]:
            return float(values[last])
        if math.isnan(value):
            return value
        high = bisect_left(places, value)
        low = high - 1
        slope = (values[high] - values[low]) / (places[high] - places[low])
        return float(slope * (value - places[low]) + values[low])

    return found
