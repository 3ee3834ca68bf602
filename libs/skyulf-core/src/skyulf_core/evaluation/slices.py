"""Slices: how right a model is on parts of the rows, and on which parts it is worst."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.intervals import SAMPLES, Interval, check_bootstrap, drawn_from, draws, interval_of, taken
from skyulf_core.evaluation.metrics import MetricFunction, greater_is_better, limits_of, metric_function
from skyulf_core.evaluation.rows import Floats, Rows
from skyulf_core.evaluation.segments import Segments, segments_of
from skyulf_core.problems import DataError

LEAST_ROWS = 30
MOST_SLICES = 5_000
"""So many slices are looked at at most: all segments, and those inside the worst of them."""
_EXTENDED = 20
_AT_ONCE = 2_000_000
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Slice:
    """A part of the rows and a metric on it.

    `where` is what its rows have in common, (column, segment) each; `difference` is the metric less that of all rows.
    `significant`: the interval does not hold the metric of all rows.
    """

    where: tuple[tuple[str, str], ...]
    rows: int
    share: float
    metric: str
    interval: Interval
    difference: float
    significant: bool

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {
            "where": cast("JsonValue", dict(self.where)), "rows": self.rows, "share": self.share, "metric": self.metric,
            "interval": self.interval.to_dict(), "difference": self.difference, "significant": self.significant,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Slice:
        """Read what `to_dict` returned."""
        where = tuple(cast("dict[str, str]", data["where"]).items())
        interval = Interval.from_dict(cast("Mapping[str, object]", data["interval"]))
        rest = {key: data[key] for key in ("rows", "share", "metric", "difference", "significant")}
        return cls(where=where, interval=interval, **rest)  # type: ignore[arg-type]

    def __str__(self) -> str:
        where = " and ".join(f"{column} = {segment}" for column, segment in self.where)
        return f"{where} ({self.rows} rows): {self.metric} {self.interval}"


@dataclass(frozen=True, eq=False)
class _Found:
    where: tuple[tuple[str, str], ...]
    mask: NDArray[np.bool_]
    value: float
    loss: float


def slices_by(
    column: str,
    values: NDArray[np.generic],
    metric: str,
    rows: Rows,
    *,
    level: float = 0.95,
    samples: int = SAMPLES,
    random_state: int = 0,
) -> list[Slice]:
    """Return a metric on every segment of a column (see `segments_of`), with an interval; undefined ones are left out.

    Each interval is right for its segment alone: of twenty segments that are alike one is significant by chance.
    """
    check_bootstrap(level, samples)
    function = metric_function(metric, rows.labels)
    segments, whole = segments_of(_as_long(column, values, rows)), float(function(rows)[0])
    found = []
    for code, label in enumerate(segments.labels):
        part = taken(rows, segments.mask(code))
        if not len(part.truth) or not part.weights.any():
            continue
        estimate, drawn = _sampled(function, part, samples, random_state)
        interval = interval_of(estimate, drawn, level=level)
        if interval is not None:
            found.append(_slice(((column, label),), len(part.truth), len(rows.truth), metric, interval, whole))
    return found


def worst_slices(
    columns: Mapping[str, NDArray[np.generic]],
    metric: str,
    rows: Rows,
    *,
    least_rows: int | None = None,
    most: int = 5,
    level: float = 0.95,
    samples: int = 200,
    random_state: int = 0,
) -> list[Slice]:
    """Return the slices, of one column or two, where a metric is worst, those that cost most first.

    What a slice costs is how much worse it is, times the root of its share of the rows. Slices have at least
    `least_rows` rows (by default 30 or 1 % of all, whichever is more), and those that hold mostly the same rows are
    shown once. As the worst are picked from many, their intervals are widened by the number looked at (Bonferroni):
    where `significant` is true, it is not for having looked often. On noise none is, in `level` of all cases.
    """
    check_bootstrap(level, samples)
    function = metric_function(metric, rows.labels)
    least = least_rows or max(LEAST_ROWS, len(rows.truth) // 100)
    search = _Search(rows, function, greater_is_better(metric), least)
    segments = {name: segments_of(_as_long(name, values, rows)) for name, values in columns.items()}
    candidates = search.run(segments)
    tail = (1 - level) / max(search.looked_at, 1)
    found = []
    for one in _distinct(candidates, most):
        part = taken(rows, one.mask)
        estimate, drawn = _sampled(function, part, samples, random_state)
        known = drawn[np.isfinite(drawn)]
        if len(known) * 2 < samples:
            continue
        reach = _NORMAL.inv_cdf(1 - tail / 2) * float(known.std(ddof=1))
        lowest, highest = limits_of(metric)
        low, high = max(estimate - reach, lowest), min(estimate + reach, highest)
        interval = Interval(estimate, low, high, level, "normal", len(known))
        found.append(_slice(one.where, len(part.truth), len(rows.truth), metric, interval, search.whole))
    return found


class _Search:
    """Looks at every segment of every column, then inside the worst of them."""

    def __init__(self, rows: Rows, function: MetricFunction, greater: bool, least: int) -> None:
        self._rows, self._function, self._sign, self._least = rows, function, 1 if greater else -1, least
        self.whole = float(function(rows)[0])
        self.looked_at = 0

    def run(self, columns: Mapping[str, Segments]) -> list[_Found]:
        """Return the slices that are worse than all rows together, the most costly first."""
        singles = [((name, label), s.mask(i)) for name, s in columns.items() for i, label in enumerate(s.labels)]
        found = self._measured([((where,), mask) for where, mask in singles[:MOST_SLICES]])
        worst = sorted(found, key=lambda one: -one.loss)[:_EXTENDED]
        pairs: dict[tuple[tuple[str, str], ...], NDArray[np.bool_]] = {}
        for one in worst:
            for where, mask in singles:
                if where[0] != one.where[0][0] and len(pairs) + len(singles) < MOST_SLICES:
                    pairs[tuple(sorted((one.where[0], where)))] = one.mask & mask
        costs = {one.where[0]: one.loss for one in found}
        inside = [
            one for one in self._measured(list(pairs.items())) if one.loss > max(costs.get(w, 0.0) for w in one.where)
        ]
        return sorted((one for one in found + inside if one.loss > 0), key=lambda one: -one.loss)

    def _measured(self, slices: Sequence[tuple[tuple[tuple[str, str], ...], NDArray[np.bool_]]]) -> list[_Found]:
        count = len(self._rows.truth)
        large = [(where, mask) for where, mask in slices if self._least <= int(mask.sum()) < count]
        self.looked_at += len(large)
        found, chunk = [], max(1, _AT_ONCE // count)
        for start in range(0, len(large), chunk):
            some = large[start : start + chunk]
            masks = np.array([mask for _, mask in some])
            values = self._function(replace(self._rows, weights=masks * self._rows.weights))
            for (where, mask), value in zip(some, values.tolist(), strict=True):
                if math.isfinite(value):
                    worse = self._sign * (self.whole - value)
                    found.append(_Found(where, mask, value, worse * math.sqrt(int(mask.sum()) / count)))
        return found


def _distinct(candidates: Sequence[_Found], most: int) -> list[_Found]:
    kept: list[_Found] = []
    for one in candidates:
        if len(kept) == most:
            break
        if all((one.mask & other.mask).sum() < 0.8 * (one.mask | other.mask).sum() for other in kept):
            kept.append(one)
    return kept


def _sampled(function: MetricFunction, rows: Rows, samples: int, random_state: int) -> tuple[float, Floats]:
    estimate = float(function(rows)[0])
    base, shrink = drawn_from(rows, random_state)
    centre = float(function(base)[0])
    drawn = [
        function(replace(base, weights=counts * base.weights))
        for counts in draws(len(base.truth), samples, random_state)
    ]
    return estimate, (np.concatenate(drawn) - centre) * shrink + estimate


def _slice(
    where: tuple[tuple[str, str], ...], count: int, of: int, metric: str, interval: Interval, whole: float
) -> Slice:
    significant = not interval.low <= whole <= interval.high
    return Slice(where, count, count / of, metric, interval, interval.estimate - whole, significant)


def _as_long(column: str, values: NDArray[np.generic], rows: Rows) -> NDArray[np.generic]:
    if len(values) != len(rows.truth):
        message = f"column {column!r} has {len(values)} values for {len(rows.truth)} rows"
        raise DataError(message, reason="wrong-length", column=column)
    return values
