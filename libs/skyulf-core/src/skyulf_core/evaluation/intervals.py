"""How sure a metric is: confidence intervals from samples of the rows, drawn with replacement (bootstrap)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import NormalDist
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.metrics import MetricFunction, class_keys, limits_of, metric_function
from skyulf_core.evaluation.rows import Floats, Rows
from skyulf_core.problems import DataError

Method: TypeAlias = Literal["percentile", "bca", "normal"]

SAMPLES = 1_000
MANY_SAMPLES, FEW_SAMPLES, _FEW_ROWS = 500, 200, 5_000
MOST_ROWS = 50_000
"""Of more rows so many are drawn from, and the deviations shrunk to what all of them would have."""
_AT_ONCE = 2_000_000  # weights in memory: 16 MB, and a few times that while they are worked on
_JACKKNIFE_GROUPS = 400
_NORMAL = NormalDist()
_OF_ALL_ROWS = ("accuracy", "mcc", "brier", "log_loss")
LEAST_OF_A_CLASS = 10
"""Samples of fewer rows of a class say less than they seem to: an interval from two positives holds 6 times of 10."""


@dataclass(frozen=True)
class Interval:
    """An estimate, and the range that holds the true value in `level` of all cases.

    `samples` is how many samples of the rows had the metric defined.
    """

    estimate: float
    low: float
    high: float
    level: float = 0.95
    method: Method = "percentile"
    samples: int = SAMPLES

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return cast("dict[str, JsonValue]", asdict(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Interval:
        """Read what `to_dict` returned."""
        return cls(**cast("dict[str, float]", dict(data)))  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.estimate:.4g} [{self.low:.4g}, {self.high:.4g}]"


def enough_samples(rows: int) -> int:
    """Return how many samples a figure that is shown is worth: of many rows fewer, since each takes longer."""
    return MANY_SAMPLES if rows <= _FEW_ROWS else FEW_SAMPLES


def bootstrap_intervals(
    names: Sequence[str],
    rows: Rows,
    *,
    level: float = 0.95,
    samples: int = SAMPLES,
    method: Literal["percentile", "bca"] = "percentile",
    random_state: int = 0,
) -> dict[str, Interval]:
    """Return an interval for each metric of `rows_of(…)`.

    Left out is a metric that is undefined for these rows, and one that rests on single classes where one of them has
    fewer than 10 rows. Where all samples agree (no row is wrong), the interval reaches as far as so many rows allow: by
    the share of wrong rows that might have gone unseen (Clopper and Pearson, 1934).
    All metrics see the same samples, so that the same seed gives the same intervals whatever they are asked with. `bca`
    corrects bias and skew (Efron, 1987), which matters for few rows and metrics near their limits. Raises DataError as
    `score` does, and for a level or a number of samples that makes no sense.
    """
    check_bootstrap(level, samples)
    functions = {name: metric_function(name, rows.labels) for name in names}
    estimates = {name: float(function(rows)[0]) for name, function in functions.items()}
    base, shrink = drawn_from(rows, random_state)
    found: dict[str, list[Floats]] = {name: [] for name in functions}
    for counts in draws(len(base.truth), samples, random_state):
        drawn = replace(base, weights=counts * base.weights)
        for name, function in functions.items():
            found[name].append(function(drawn))
    intervals = {}
    for name, function in functions.items():
        resting = None if rows.labels is None else _rows_behind(name, rows)
        if resting is not None and resting < LEAST_OF_A_CLASS and not _of_all_rows(name):
            continue
        centre = estimates[name] if base is rows else float(function(base)[0])
        values = (np.concatenate(found[name]) - centre) * shrink + estimates[name]
        skew = _acceleration(function, base) * shrink if method == "bca" else 0.0
        interval = interval_of(estimates[name], values, level=level, skew=skew if method == "bca" else None)
        if interval is not None:
            intervals[name] = interval if resting is None else _opened(interval, name, resting)
    return intervals


def _of_all_rows(name: str) -> bool:
    return name in _OF_ALL_ROWS or name.endswith("_weighted")


def _rows_behind(name: str, rows: Rows) -> float:
    """Return how many rows a metric of classes rests on: all, or those of the rarest class that it looks at."""
    if _of_all_rows(name):
        return float(len(rows.truth))
    counts = np.bincount(rows.truth.astype(np.int64), minlength=rows.classes)
    asked, known = name.partition("@")[2], class_keys(rows.labels or ())
    return float(counts[known.index(asked)] if asked in known else counts[counts > 0].min(initial=len(rows.truth)))


def _opened(interval: Interval, name: str, resting: float) -> Interval:
    """Return an interval without a width as wide as so many rows allow."""
    lowest, highest = limits_of(name)
    if interval.low < interval.high or not math.isfinite(highest - lowest):
        return interval
    unseen = (highest - lowest) * (1 - ((1 - interval.level) / 2) ** (1 / max(resting, 1.0)))
    low, high = max(lowest, interval.low - unseen), min(highest, interval.high + unseen)
    return replace(interval, low=low, high=high)


def interval_of(estimate: float, values: Floats, *, level: float, skew: float | None = None) -> Interval | None:
    """Return the interval of an estimate from its values on samples; None where most of them are undefined.

    With a `skew` (the acceleration) it is the bias-corrected and accelerated one.
    """
    known = np.sort(values[np.isfinite(values)])
    if not math.isfinite(estimate) or len(known) * 2 < len(values) or not len(known):
        return None
    shares = [(1 - level) / 2, (1 + level) / 2]
    if skew is not None:
        shares = _corrected(shares, known, estimate, skew)
    low, high = np.quantile(known, shares).tolist()
    return Interval(estimate, low, high, level, "percentile" if skew is None else "bca", len(known))


def draws(rows: int, samples: int, random_state: int) -> Iterator[Floats]:
    """Yield, chunk by chunk, how often each row is drawn in each sample (chunk x rows)."""
    rng = np.random.default_rng(random_state)
    chunk = max(1, _AT_ONCE // rows)
    for start in range(0, samples, chunk):
        size = min(chunk, samples - start)
        places = rng.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(places.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def drawn_from(rows: Rows, random_state: int) -> tuple[Rows, float]:
    """Return the rows that samples are drawn from, and by how much deviations shrink with all rows."""
    count = len(rows.truth)
    if count <= MOST_ROWS:
        return rows, 1.0
    kept = np.sort(np.random.default_rng(random_state).choice(count, MOST_ROWS, replace=False))
    return taken(rows, kept), math.sqrt(MOST_ROWS / count)


def taken(rows: Rows, kept: NDArray[np.generic]) -> Rows:
    """Return some of the rows, by position or by a mask."""
    probabilities = None if rows.probabilities is None else rows.probabilities[kept]
    return Rows(rows.truth[kept], rows.predicted[kept], rows.weights[:, kept], rows.labels, probabilities)


def check_bootstrap(level: float, samples: int) -> None:
    """Raise DataError for a level or a number of samples that makes no sense."""
    if not 0 < level < 1:
        raise DataError(f"a level of confidence is between 0 and 1, as 0.95; it is {level}", reason="bad-level")
    if not 20 <= samples <= 100_000:
        raise DataError(f"an interval needs 20 to 100,000 samples, not {samples}", reason="bad-samples")


def _acceleration(function: MetricFunction, rows: Rows) -> float:
    """Return the skew of the estimate: leaving out each row, or each of 400 groups of rows, in turn."""
    count = len(rows.truth)
    groups = min(count, _JACKKNIFE_GROUPS)
    group = np.random.default_rng(0).permutation(count) % groups
    left_out = []
    for start in range(0, groups, max(1, _AT_ONCE // count)):
        some = np.arange(start, min(start + max(1, _AT_ONCE // count), groups))
        left_out.append(function(replace(rows, weights=rows.weights * (group != some[:, None]))))
    values = np.concatenate(left_out)
    away = np.nanmean(values) - values[np.isfinite(values)]
    squares = float((away**2).sum())
    return float((away**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def _corrected(shares: Sequence[float], values: Floats, estimate: float, skew: float) -> list[float]:
    below = float((values < estimate).mean() + (values == estimate).mean() / 2)
    bias = _NORMAL.inv_cdf(min(max(below, 1 / (len(values) + 1)), len(values) / (len(values) + 1)))
    corrected = []
    for share in shares:
        reach = bias + _NORMAL.inv_cdf(share)
        corrected.append(_NORMAL.cdf(bias + reach / (1 - skew * reach)) if skew * reach < 1 else share)
    return corrected
