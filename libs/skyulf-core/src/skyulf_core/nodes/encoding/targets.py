"""What the encoders that read the target share: its kind, statistics per category, and folds to cross-fit with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.queries import collect_each
from skyulf_core.nodes.base import Label
from skyulf_core.nodes.encoding.categories import category_of, code_of, refuse_infinite
from skyulf_core.params import Scalar
from skyulf_core.problems import DataError

TargetType: TypeAlias = Literal["binary", "continuous", "multiclass"]
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Target:
    """What a target is. `labels` are its distinct values in sorted order; none for a continuous one."""

    name: str
    dtype: pl.DataType
    type: TargetType
    labels: tuple[Label, ...] = ()

    def counted(self) -> tuple[Label, ...]:
        """Return the labels whose share is encoded: the second of two, or all."""
        return self.labels[1:] if self.type == "binary" else self.labels

    def indicators(self) -> list[pl.Expr]:
        """Return what is averaged per category: the numbers themselves, or 1 where the label is the one counted."""
        if self.type == "continuous":
            return [pl.col(self.name).cast(pl.Float64)]
        if not self.counted():  # a binary target with one value only: none of its rows is of the second label
            return [pl.col(self.name).is_null().cast(pl.Float64)]
        return [(pl.col(self.name) == pl.lit(label, self.dtype)).cast(pl.Float64) for label in self.counted()]


def labels_of(frame: pl.LazyFrame, name: str) -> pl.Series:
    """Return the distinct values of the target in sorted order. Raises DataError where there is no row."""
    found = frame.select(pl.col(name).unique()).collect(engine="streaming")[name].sort()
    if not len(found):
        raise DataError("there are no rows to learn from", reason="too-few-rows")
    return found


def target_of(frame: pl.LazyFrame, name: str, wanted: TargetType | Literal["auto"], *, most: int) -> Target:
    """Return what the target is. Raises DataError where it is not of the wanted type."""
    dtype = frame.collect_schema()[name]
    fractions = wanted != "continuous" and _has_fractions(frame, name, dtype)
    if wanted == "continuous" or (wanted == "auto" and fractions):
        _require_numbers(frame, name, dtype)
        return Target(name, dtype, "continuous")
    values = labels_of(frame, name)
    kind = wanted if wanted != "auto" else "multiclass" if len(values) > 2 else "binary"
    if fractions or (kind == "binary" and len(values) > 2) or len(values) > most:
        problem = "holds fractions" if fractions else f"has {len(values)} different values"
        raise DataError(
            f"the target {name!r} {problem}; choose target_type 'continuous' or make classes of it",
            reason="wrong-target",
            column=name,
        )
    return Target(name, dtype, kind, tuple(values.to_list()))


def _has_fractions(frame: pl.LazyFrame, name: str, dtype: pl.DataType) -> bool:
    column = pl.col(name)
    found = frame.select((column != column.round()).any()) if dtype.is_float() else None
    return found is not None and bool(found.collect(engine="streaming").item())


def _require_numbers(frame: pl.LazyFrame, name: str, dtype: pl.DataType) -> None:
    if not (dtype.is_numeric() or dtype == pl.Boolean):
        raise DataError(f"the target {name!r} holds no numbers", reason="wrong-type", column=name)
    column = pl.col(name).cast(pl.Float64)
    rows, finite = frame.select(pl.len(), column.is_finite().all().alias("all")).collect(engine="streaming").row(0)
    if not rows:
        raise DataError("there are no rows to learn from", reason="too-few-rows")
    if not finite:
        raise DataError(f"the target {name!r} holds infinite values", reason="not-finite", column=name)


@dataclass(frozen=True)
class Sums:
    """Per category (rows of any shape): how many rows, the sum of the values and of their squares."""

    rows: Floats
    sums: Floats
    squares: Floats

    def total(self) -> Sums:
        """Return the sums over all categories (the first axis)."""
        return Sums(*(part.sum(axis=0) for part in (self.rows, self.sums, self.squares)))

    def others(self) -> Sums:
        """Return, for each fold (the second axis), what all the other folds hold."""
        parts = (self.rows, self.sums, self.squares)
        return Sums(*(part.sum(axis=1, keepdims=True) - part for part in parts))


def statistics(frame: pl.LazyFrame, target: Target, columns: Sequence[str]) -> list[pl.DataFrame]:
    """Return, per column, its categories in order (null last) with `rows`, and `mean_i` and `var_i` of each indicator.

    One query for all columns. Variances are computed as such: sums of squares would lose the digits of large values.
    """
    schema, indicators = frame.collect_schema(), target.indicators()
    found = [item.mean().alias(f"mean_{i}") for i, item in enumerate(indicators)]
    found += [item.var(ddof=0).alias(f"var_{i}") for i, item in enumerate(indicators)]
    queries = [
        frame.select(category_of(name, schema[name]).alias("a category"), pl.col(target.name))
        .group_by("a category")
        .agg(pl.len().alias("rows"), *found)
        .sort("a category", nulls_last=True)
        for name in columns
    ]
    tables = collect_each(queries, engine="streaming")
    for name, table in zip(columns, tables, strict=True):
        refuse_infinite(name, table["a category"])
    return tables


def sums_of(table: pl.DataFrame, index: int, shift: float) -> Sums:
    """Return the sums of one indicator, less `shift`, from what `statistics` found."""
    rows = table["rows"].cast(pl.Float64).to_numpy()
    means = table[f"mean_{index}"].to_numpy() - shift
    return Sums(rows, rows * means, rows * (table[f"var_{index}"].to_numpy() + means * means))


def folds_of(labels: Floats, cv: int, *, stratified: bool, shuffle: bool, random_state: int) -> NDArray[np.int64]:
    """Return the fold of each row, as scikit-learn's KFold or StratifiedKFold draws them."""
    from sklearn.model_selection import KFold, StratifiedKFold

    smallest = int(np.unique(labels, return_counts=True)[1].max(initial=0)) if stratified else len(labels)
    if smallest < cv:
        raise DataError(
            f"{len(labels)} training rows are too few for {cv} folds; lower cv, or take more rows",
            reason="too-few-rows",
        )
    kind = StratifiedKFold if stratified else KFold
    splitter = kind(cv, shuffle=shuffle, random_state=random_state if shuffle else None)
    folds = np.empty(len(labels), np.int64)
    for fold, (_, test) in enumerate(splitter.split(np.empty((len(labels), 0)), labels)):
        folds[test] = fold
    return folds


@dataclass(frozen=True)
class Cells:
    """The rows of one column by category and fold."""

    place: NDArray[np.int64]
    shape: tuple[int, int]

    @classmethod
    def of(cls, data: pl.DataFrame, name: str, keys: Sequence[Scalar], folds: NDArray[np.int64]) -> Cells:
        """Return the cells of a column whose categories are all in `keys` (None is a null, and the last)."""
        known = [key for key in keys if key is not None]
        code = code_of(name, known, data[name].dtype) if known else pl.lit(None, pl.UInt32)
        # the null beside it makes the code as long as the column, also where there is no category
        codes = data.select(
            pl.col(name).is_null().alias("null"), code.fill_null(len(known)).cast(pl.Int64).alias("code")
        )
        count = int(folds.max(initial=0)) + 1
        return cls(codes["code"].to_numpy() * count + folds, (len(keys), count))

    def sums(self, values: Floats) -> Sums:
        """Return the sums per category and fold."""
        size = self.shape[0] * self.shape[1]
        parts: tuple[Floats, ...] = (
            np.bincount(self.place, minlength=size).astype(np.float64),
            np.bincount(self.place, values, size).astype(np.float64),
            np.bincount(self.place, values * values, size).astype(np.float64),
        )
        return Sums(*(part.reshape(self.shape) for part in parts))

    def take(self, table: Floats) -> pl.Series:
        """Return each row's value of a table of categories and folds."""
        return pl.Series(table.ravel()[self.place])


def keys_of(table: pl.DataFrame) -> list[Scalar]:
    """Return the categories that `statistics` found."""
    return cast("list[Scalar]", table["a category"].to_list())


def values_of(target: pl.Series, known: Target) -> Iterable[Floats]:
    """Return the indicators of the training rows."""
    frame = target.to_frame()
    for item in known.indicators():
        yield frame.select(item).to_series().to_numpy()


def strata(values: Sequence[Floats], target: Target) -> Floats:
    """Return what folds are stratified by: the position of each row's label."""
    return values[0] if target.type != "multiclass" else np.argmax(np.stack(values), axis=0).astype(np.float64)
