"""The target: what may be predicted, and labels as codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import Label, Task
from skyulf_core.problems import DataError

MOST = 1e150
"""Targets beyond it have squares that are no numbers."""


def check_target(target: pl.Series, *, nulls_allowed: bool) -> None:
    """Raise DataError for a target with nulls, with infinite values, or with one value only."""
    check_target_lazily(target.to_frame().lazy(), target.name, nulls_allowed=nulls_allowed)


def check_target_lazily(frame: pl.LazyFrame, name: str, *, nulls_allowed: bool) -> None:
    """Do what `check_target` does, for a column of a query."""
    column, known = pl.col(name), pl.col(name).drop_nulls()
    infinite = column.is_infinite().sum() if frame.collect_schema()[name].is_float() else pl.lit(0)
    rows, nulls, strange, varies = (
        frame.select(
            pl.len().alias("rows"),
            column.null_count().alias("nulls"),
            infinite.alias("strange"),
            (known != known.first()).any().alias("varies"),
        )
        .collect()
        .row(0)
    )
    if nulls and not nulls_allowed:
        raise DataError(
            f"the target {name!r} is missing in {nulls} of {rows} rows; fill or remove them, "
            "or set drop_missing_target",
            reason="null-target",
            column=name,
        )
    if strange:
        message = f"the target {name!r} holds infinite values in {strange} rows; correct or remove them"
        raise DataError(message, reason="not-finite", column=name)
    if rows > 1 and not varies:
        raise DataError(
            f"the target {name!r} has the same value in every row; there is nothing to learn",
            reason="constant-target",
            column=name,
        )


def classes_of(target: pl.Series) -> tuple[Label, ...]:
    """Return the labels of a classification, as numpy sorts them. Raises DataError for numbers with fractions."""
    if target.dtype.is_float():
        whole = target.cast(pl.Int64, strict=False)
        if not bool((whole.cast(pl.Float64) == target).all()):
            raise DataError(
                f"the target {target.name!r} holds fractions; choose a regression, or make classes of it",
                reason="continuous-target",
                column=target.name,
            )
        target = whole
    return tuple(cast("list[Label]", sorted(target.drop_nulls().unique().to_list())))


def codes_of(target: pl.Series, classes: Sequence[Label]) -> NDArray[np.int64]:
    """Return the code of each label. Raises DataError for a label that is none of the classes, or missing."""
    keys = pl.Series(classes)
    try:
        same = target.cast(keys.dtype)
    except pl.exceptions.PolarsError:
        raise DataError(
            f"the target {target.name!r} holds {target.dtype} values, the classes are {list(classes)[:5]}",
            reason="wrong-type",
            column=target.name,
        ) from None
    codes = same.replace_strict(keys, pl.Series(range(len(classes)), dtype=pl.Int64), default=-1, return_dtype=pl.Int64)
    codes = codes.fill_null(-1)
    unseen = target.filter(codes == -1)
    if len(unseen):
        raise DataError(
            f"{len(unseen)} rows have a label that no training row has, as {unseen[0]!r}; "
            "stratify the split, or remove classes with very few rows",
            reason="unseen-class",
            column=target.name,
        )
    return codes.to_numpy()


def numbers_of(target: pl.Series) -> NDArray[np.float64]:
    """Return a regression target. Raises DataError where it is no number, missing or infinite."""
    if not (target.dtype.is_numeric() or target.dtype == pl.Boolean):
        raise DataError(f"the target {target.name!r} holds no numbers", reason="wrong-type", column=target.name)
    values = target.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if not np.isfinite(values).all():
        raise DataError(
            f"the target {target.name!r} holds missing or infinite values", reason="not-finite", column=target.name
        )
    if (np.abs(values) > MOST).any():
        message = f"the target {target.name!r} holds numbers beyond {MOST:.0e}; scale it first"
        raise DataError(message, reason="out-of-range", column=target.name)
    return values


def encoded(target: pl.Series, task: Task, classes: Sequence[Label] | None) -> NDArray[np.generic]:
    """Return the target as a model wants it: int64 codes, or float64 values."""
    return numbers_of(target) if task == "regression" or classes is None else codes_of(target, classes)
