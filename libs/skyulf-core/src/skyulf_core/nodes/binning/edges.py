"""Where the edges of bins lie: learned from the values of columns."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.selection import select
from skyulf_core.problems import DataError

Floats: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["width", "linear", "averaged_inverted_cdf", "kmeans"]

_NARROW = 1e-8
PARTITIONED_ROWS = 2_000_000
"""Up to so many values of a column are held and partitioned, which is quicker; of more, ranks are selected."""


@dataclass(frozen=True)
class Wanted:
    """How a column is divided: into bins of one width, by quantiles (and how these are taken), or around means."""

    method: Method
    n_bins: int


@dataclass(frozen=True)
class Span:
    """How many values a column has, and between what."""

    count: int
    low: float
    high: float

    @property
    def constant(self) -> bool:
        """Whether there is nothing to divide."""
        return self.count == 0 or self.low == self.high


def edges_of(
    frame: pl.LazyFrame, wanted: Mapping[str, Wanted], *, partitioned_rows: int = PARTITIONED_ROWS
) -> dict[str, Floats]:
    """Return the ascending edges of each column: its value twice where it has one only, none where it has none.

    One query finds how many values there are and between what, few more the quantiles; kmeans collects its columns.
    Raises DataError for infinite values.
    """
    spans = _spans(frame, list(wanted))
    divided = {name: how for name, how in wanted.items() if not spans[name].constant}
    by_rank = {n: how for n, how in divided.items() if how.method not in ("width", "kmeans")}
    large = {n for n in by_rank if spans[n].count > partitioned_rows}
    quantiles = _quantiles(frame, spans, by_rank, large)
    found: dict[str, Floats] = {
        name: np.array([span.low, span.high][: 2 * span.count], np.float64) for name, span in spans.items()
    }
    for name, how in divided.items():
        if how.method == "width":
            found[name] = np.linspace(spans[name].low, spans[name].high, how.n_bins + 1)
        elif how.method == "kmeans":
            found[name] = _around_means(frame, name, spans[name], how.n_bins)
        else:
            found[name] = quantiles[name]
    # -0.0 and 0.0 are one number, and which of them is the least is chance
    return {name: edges + 0.0 for name, edges in found.items()}


def _spans(frame: pl.LazyFrame, names: Sequence[str]) -> dict[str, Span]:
    if not names:
        return {}
    found = frame.select(
        statistic.alias(f"{index} {place}")
        for index, column in enumerate(pl.col(name).cast(pl.Float64) for name in names)
        for place, statistic in enumerate((column.count(), column.min(), column.max()))
    )
    row = found.collect(engine="streaming").row(0)
    spans = {name: Span(row[3 * i], row[3 * i + 1], row[3 * i + 2]) for i, name in enumerate(names)}
    for name, span in spans.items():
        if span.count and not math.isfinite(span.high - span.low):
            problem = "too large" if math.isfinite(span.low) and math.isfinite(span.high) else "infinite"
            raise DataError(f"column {name!r} holds {problem} values", reason="not-finite", column=name)
    return spans


def _quantiles(
    frame: pl.LazyFrame, spans: Mapping[str, Span], wanted: Mapping[str, Wanted], large: Collection[str]
) -> dict[str, Floats]:
    """Return quantiles as numpy takes them: the values beside each place by few queries, then its arithmetic."""
    if not wanted:
        return {}
    places = {name: _places(spans[name].count, how) for name, how in wanted.items()}
    ranks = {
        name: sorted({*before.tolist(), *np.minimum(before + 1, spans[name].count - 1).tolist()})
        for name, (before, _) in places.items()
    }
    values = _selected(frame, {name: at for name, at in ranks.items() if name in large}, spans)
    values |= _partitioned(frame, {name: at for name, at in ranks.items() if name not in values})
    return {
        name: _between(values[name], before, part, spans[name].count - 1) for name, (before, part) in places.items()
    }


Ranked: TypeAlias = dict[str, dict[int, float]]


def _partitioned(frame: pl.LazyFrame, ranks: Mapping[str, list[int]]) -> Ranked:
    if not ranks:
        return {}
    query = frame.select(
        pl.col(name).cast(pl.Float64).drop_nulls().map_batches(_picker(at), return_dtype=pl.Float64).implode()
        for name, at in ranks.items()
    )
    table = query.collect(engine="streaming")
    return {name: dict(zip(at, table[name][0].to_list(), strict=True)) for name, at in ranks.items()}


def _selected(frame: pl.LazyFrame, ranks: Mapping[str, list[int]], spans: Mapping[str, Span]) -> Ranked:
    """Return the values of columns whose ranks were all found without holding the column."""
    if not ranks:
        return {}
    pairs = [(name, rank) for name, at in ranks.items() for rank in at]
    values = frame.select(pl.col(name).cast(pl.Float64) for name in ranks)
    most = max(spans[name].count for name in ranks)
    levels = [(name, rank / (spans[name].count - 1)) for name, rank in pairs]
    found: dict[str, dict[int, float | None]] = {name: {} for name in ranks}
    for (name, rank), selected in zip(pairs, select(values, levels, rows=most), strict=True):
        found[name][rank] = selected.at(rank)
    return {
        name: {rank: value for rank, value in at.items() if value is not None}
        for name, at in found.items()
        if None not in at.values()
    }


def _picker(ranks: list[int]) -> Callable[[pl.Series], pl.Series]:
    """Return a function that takes the values of these ranks: partitioning once is quicker than many quantiles."""
    return lambda values: pl.Series(np.partition(values.to_numpy(), ranks)[ranks])


def _between(values: Mapping[int, float], before: NDArray[np.int64], part: Floats, last: int) -> Floats:
    low = np.array([values[rank] for rank in before.tolist()])
    high = np.array([values[min(rank + 1, last)] for rank in before.tolist()])
    step = high - low
    return np.asarray(np.where(part < 0.5, low + step * part, high - step * (1.0 - part)), np.float64)


def _places(count: int, how: Wanted) -> tuple[NDArray[np.int64], Floats]:
    """Return, for each edge, the rank before it and the part of the way to the next one, as numpy.percentile."""
    levels = np.linspace(0.0, 100.0, how.n_bins + 1) / 100.0
    place = (count - 1) * levels if how.method == "linear" else count * levels - 1.0
    before = np.floor(place)
    part = place - before
    if how.method == "averaged_inverted_cdf":
        part = np.where(part == 0.0, 0.5, 1.0)
    part = np.where((place < 0) | (place >= count - 1), 0.0, part)
    return np.clip(before, 0, count - 1).astype(np.int64), part


def _around_means(frame: pl.LazyFrame, name: str, span: Span, n_bins: int) -> Floats:
    """Return the middles between the means of a k-means in one dimension, which starts at bins of one width."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    if span.count < n_bins:
        raise DataError(
            f"column {name!r} has {span.count} values, too few for {n_bins} means; lower n_bins",
            reason="too-few-rows",
            column=name,
        )
    values = frame.select(pl.col(name).cast(pl.Float64).drop_nulls()).collect(engine="streaming")[name].to_numpy()
    uniform = np.linspace(span.low, span.high, n_bins + 1)
    start = (uniform[1:] + uniform[:-1])[:, None] * 0.5
    # one thread: several wait for each other longer than one dimension takes, and may add up in another order
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # fewer distinct values than means: bins that are too narrow are dropped later
        try:
            means = KMeans(n_clusters=n_bins, init=start, n_init=1).fit(values[:, None]).cluster_centers_[:, 0]
        except ValueError as error:  # squares of such values are infinite
            raise DataError(f"column {name!r} holds too large values", reason="not-finite", column=name) from error
    means.sort()
    return np.concatenate([[span.low], (means[1:] + means[:-1]) * 0.5, [span.high]])


def wide_enough(edges: Floats) -> Floats:
    """Return the edges without those that are not 1e-8 above the one before, as scikit-learn drops them."""
    return edges[np.ediff1d(edges, to_begin=np.inf) > _NARROW] if len(edges) else edges


def check_edges(edges: Sequence[float], what: str) -> None:
    """Raise ValueError unless there are two edges at least, and each is above the one before."""
    if len(edges) < 2 or any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"{what}: edges must be two at least, each above the one before")
