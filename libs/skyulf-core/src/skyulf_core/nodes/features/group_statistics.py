"""Statistics of groups: the same bits in every fit, of rows in memory and of a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import polars as pl

from skyulf_core.data.queries import collect_each
from skyulf_core.data.sums import Sums, sums_of
from skyulf_core.nodes.columns import free_name

_STATISTICS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "count": pl.Expr.count, "min": pl.Expr.min, "max": pl.Expr.max, "median": pl.Expr.median,
}  # fmt: skip


def group_statistics(
    frame: pl.LazyFrame, keys: list[str], column: str, names: Mapping[str, str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (one row per group: keys and outputs; one row for all rows: outputs).

    `names` are the outputs by what they are: mean, sum, count, min, max, std or median.
    """
    sums = sums_of(frame, [column])[0]
    numbers = pl.col(column).cast(pl.Float64)
    made = {"mean": sums.mean(numbers), "sum": sums.sum(numbers)}
    made |= {kind: aggregate(numbers) for kind, aggregate in _STATISTICS.items()}
    wanted = [made[kind].cast(pl.Float64).alias(out) for kind, out in names.items() if kind != "std"]
    taken = {*keys, *names.values(), column}
    parts = [free_name(part, taken) for part in ("mean", "min", "max")]
    if "std" in names:
        wanted += [made[kind].alias(part) for kind, part in zip(("mean", "min", "max"), parts, strict=True)]
    # three times as fast as the other engine for sums, of a frame in memory too
    engine: Literal["auto", "streaming"] = "auto" if "median" in names else "streaming"
    by_group, of_all = collect_each([frame.group_by(keys).agg(wanted), frame.select(wanted)], engine=engine)
    if "std" not in names:
        return by_group, of_all
    rows = frame.select(*keys, numbers.alias(column))
    groups, whole = (
        found.with_columns(_deviation(parts).alias(names["std"])).drop(parts)
        for found in _squares_about_means(rows, keys, (by_group, of_all), parts, sums.rows)
    )
    return by_group.join(groups, on=keys, nulls_equal=True), of_all.hstack(whole)


def _squares_about_means(
    rows: pl.LazyFrame,
    keys: list[str],
    found: tuple[pl.DataFrame, pl.DataFrame],
    parts: list[str],
    most: int,
) -> list[pl.DataFrame]:
    """Return sums of what lies between numbers and their mean, of its squares, and counts: by group, and of all.

    `rows` are the keys, and the numbers behind them.
    """
    (by_group, of_all), number = found, pl.col(rows.collect_schema().names()[-1])
    lookup = by_group.lazy().select(*keys, parts[0])
    centred = rows.join(lookup, on=keys, how="left", nulls_equal=True)
    apart = number - pl.col(parts[0])
    of_group = _squares(apart, by_group, parts, most)
    apart = number - pl.lit(of_all[parts[0]][0], pl.Float64)
    queries = [centred.group_by(keys).agg(of_group), rows.select(_squares(apart, of_all, parts, most))]
    return collect_each(queries, engine="streaming")


def _squares(apart: pl.Expr, known: pl.DataFrame, parts: list[str], rows: int) -> list[pl.Expr]:
    mean, least, most = (pl.col(part) for part in parts)
    reach = known.select(pl.max_horizontal(most - mean, mean - least).max()).item() or 0.0
    found = Sums(reach, rows).sum(apart), Sums(reach * reach, rows).sum(apart * apart), apart.count().cast(pl.Float64)
    return [expression.alias(part) for expression, part in zip(found, parts, strict=True)]


def _deviation(parts: list[str]) -> pl.Expr:
    """Return the standard deviation (ddof 1) from sums about a mean that may be off by its rounding."""
    rest, squares, count = (pl.col(part) for part in parts)
    variance = (squares - rest * rest / count) / (count - 1.0)
    return pl.when(count > 1.0).then(pl.when(variance < 0.0).then(0.0).otherwise(variance).sqrt())
