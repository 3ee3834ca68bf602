"""Which rows each fold learns from and is judged on: those that scikit-learn's splitters choose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.frames import dtype_of
from skyulf_core.problems import DataError, nearest_column
from skyulf_core.schema import NUMERIC, TEMPORAL
from skyulf_core.validation import config as cv

if TYPE_CHECKING:
    from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit

Rows: TypeAlias = NDArray[np.int64]

UNSORTED = (
    "time_series needs rows in order of time, and the splitter shuffles them; name the column of time in `by`, or "
    "split by TimeSplit"
)


@dataclass(frozen=True)
class Fold:
    """Positions of the rows that are learned from, and of those that are judged on."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class Judged:
    """The rows that folds are made of: columns as the data hold them, and their class codes (or None).

    `columns` may lack those that the folds do not go by; `names` are all that the data have (None: these). `classes`
    are the labels of the codes, `in_order` says whether rows come in the order of the data.
    """

    columns: pl.DataFrame
    target: str
    codes: Rows | None
    classes: tuple[object, ...] = ()
    in_order: bool = True
    names: Sequence[str] | None = None

    def __len__(self) -> int:
        return self.columns.height


def folds_of(mode: cv.FlatValidation, rows: Judged) -> list[Fold]:
    """Return the folds. Raises DataError, with what to do, where these rows cannot make them."""
    if isinstance(mode, cv.TimeSeries):
        return list(_in_time(mode, rows))
    _check_rows(mode, rows)
    _check_classes(mode, rows)
    groups = None if mode.group_column is None else _groups(mode, rows)
    drawn = _splitter(mode).split(np.zeros(len(rows)), _strata(mode, rows), groups)
    return [Fold(train.astype(np.int64), test.astype(np.int64)) for train, test in drawn]


def _splitter(mode: cv.FlatValidation) -> BaseCrossValidator | BaseShuffleSplit:
    from sklearn import model_selection as sk  # costs a second of import; configurations do not need it

    seed = mode.seed
    match mode:
        case cv.KFold():
            return sk.KFold(mode.folds, shuffle=mode.shuffle, random_state=seed)
        case cv.StratifiedKFold():
            return sk.StratifiedKFold(mode.folds, shuffle=mode.shuffle, random_state=seed)
        case cv.GroupKFold():
            return sk.GroupKFold(mode.folds, shuffle=mode.shuffle, random_state=seed)
        case cv.StratifiedGroupKFold():
            return sk.StratifiedGroupKFold(mode.folds, shuffle=mode.shuffle, random_state=seed)
        case cv.ShuffleSplit():
            return sk.ShuffleSplit(mode.folds, test_size=mode.test_size, random_state=seed)
        case cv.StratifiedShuffleSplit():
            return sk.StratifiedShuffleSplit(mode.folds, test_size=mode.test_size, random_state=seed)
        case cv.RepeatedKFold():
            return sk.RepeatedKFold(n_splits=mode.folds, n_repeats=mode.repeats, random_state=seed)
        case cv.RepeatedStratifiedKFold():
            return sk.RepeatedStratifiedKFold(n_splits=mode.folds, n_repeats=mode.repeats, random_state=seed)
    raise TypeError(f"{mode.type} is made otherwise")


def _strata(mode: cv.FlatValidation, rows: Judged) -> Rows | None:
    return rows.codes if mode.stratified else None


def _check_rows(mode: cv.FlatValidation, rows: Judged) -> None:
    """Refuse fewer rows than folds, and held-out parts that leave nothing."""
    size = getattr(mode, "test_size", None)
    if size is None:
        if len(rows) < mode.folds:
            message = (
                f"there are {len(rows)} training rows for {mode.folds} folds; take more rows, or at most "
                f"{len(rows)} folds"
            )
            raise DataError(message, reason="too-few-rows")
        return
    held = int(np.ceil(size * len(rows))) if isinstance(size, float) else int(size)
    least = len(rows.classes) if mode.stratified else 1
    if held < least or len(rows) - held < least:
        parts = f"a row of each of the {least} classes" if least > 1 else "a row"
        message = (
            f"test_size {size} of {len(rows)} training rows does not leave {parts} on both sides; hold out another "
            "share, or take more rows"
        )
        raise DataError(message, reason="too-few-rows")


def _check_classes(mode: cv.FlatValidation, rows: Judged) -> None:
    """Refuse strata of numbers, and a class that is too small to be in every fold."""
    if not mode.stratified:
        return
    plain = mode.type.replace("stratified_", "")
    if rows.codes is None:
        raise DataError(
            f"{mode.type} needs classes, and the model is a regression; choose {plain}", reason="no-classes"
        )
    counts = np.bincount(rows.codes)
    wanted = mode.folds if getattr(mode, "test_size", None) is None else 2
    if mode.group_column is None and counts.min() < wanted:
        label, count = rows.classes[int(counts.argmin())], int(counts.min())
        remedy = f"choose at most {count} folds, or " if 1 < count < wanted else ""
        message = (
            f"class {label!r} of {rows.target!r} has {count} of the training rows, and {mode.type} needs {wanted} "
            f"of each class; {remedy}take more rows of it, merge it with another class, or choose {plain}"
        )
        raise DataError(message, reason="class-too-small", column=rows.target)


def _column(rows: Judged, name: str, mode: cv.FlatValidation) -> pl.Series:
    """Return a column of the data. Raises DataError where it is not there, or a value is missing."""
    if name == rows.target:
        raise DataError(f"{name!r} is the target; {mode.type} goes by another column", reason="target-as-group")
    if name not in rows.columns.columns:
        hint = nearest_column(name, rows.columns.columns if rows.names is None else rows.names)
        message = f"{mode.type} finds no column {name!r} in the data. {hint}"
        raise DataError(message, reason="missing-column", column=name)
    column = rows.columns[name]
    nulls = column.null_count()
    if nulls:
        message = (
            f"column {name!r} is missing in {nulls} of {len(rows)} training rows, so nobody can say which fold they "
            "belong to; fill it in or remove those rows before"
        )
        raise DataError(message, reason="missing-values", column=name)
    return column


def _groups(mode: cv.FlatValidation, rows: Judged) -> Rows:
    """Return a number per group, in the sorted order of the groups (which goes into which fold depends on it)."""
    name = mode.group_column or ""
    column = _column(rows, name, mode)
    if dtype_of(column.dtype) == "other":
        raise DataError(
            f"column {name!r} is {column.dtype}; its values are no groups", reason="wrong-type", column=name
        )
    codes = column.rank("dense").cast(pl.Int64).to_numpy() - 1
    count = int(codes.max(initial=-1)) + 1
    if count < mode.folds:
        message = (
            f"column {name!r} has {count} groups for {mode.folds} folds; choose at most {count} folds, or another group"
            if count > 1
            else f"all training rows are of one group in {name!r}; group by another column, or choose k_fold"
        )
        raise DataError(message, reason="too-few-groups", column=name)
    return codes


def _in_time(mode: cv.TimeSeries, rows: Judged) -> Iterator[Fold]:
    from sklearn.model_selection import TimeSeriesSplit

    moments = _moments(mode, rows)
    order = np.argsort(moments, kind="stable")
    _check_length(mode, rows)
    splitter = TimeSeriesSplit(mode.folds, gap=mode.gap, max_train_size=mode.max_train, test_size=mode.test_size)
    for number, (train, test) in enumerate(splitter.split(order), start=1):
        earlier = train[moments[order[train]] < moments[order[test[0]]]]
        if not len(earlier):
            message = (
                f"fold {number} has no row of an earlier moment to learn from; choose fewer folds, or a column "
                f"{f'with more different moments than {mode.by!r}' if mode.by else 'of time in `by`'}"
            )
            raise DataError(message, reason="too-few-rows", column=mode.by)
        yield Fold(order[earlier], order[test])


def _moments(mode: cv.TimeSeries, rows: Judged) -> Rows:
    """Return a number per moment. Raises DataError where rows have no order of time."""
    if mode.by is None:
        if not rows.in_order:
            raise DataError(UNSORTED, reason="unsorted-time")
        return np.arange(len(rows))
    column = _column(rows, mode.by, mode)
    if dtype_of(column.dtype) not in NUMERIC | TEMPORAL:
        message = f"column {mode.by!r} is {dtype_of(column.dtype)}; make a date of it before (time_series goes by time)"
        raise DataError(message, reason="wrong-type", column=mode.by)
    return column.rank("dense").cast(pl.Int64).to_numpy()


def _check_length(mode: cv.TimeSeries, rows: Judged) -> None:
    """Refuse what TimeSeriesSplit refuses, in other words."""
    size = mode.test_size or len(rows) // (mode.folds + 1)
    if size < 1 or len(rows) - mode.gap - size * mode.folds <= 0:
        message = (
            f"{len(rows)} training rows are too few for {mode.folds} folds of {max(size, 1)} test rows with a gap of "
            f"{mode.gap}; take more rows, fewer folds, or a smaller gap or test_size"
        )
        raise DataError(message, reason="too-few-rows")


def check_learnable(
    fold: Fold,
    number: int,
    mode: cv.FlatValidation,
    truth: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    *,
    classes: Sequence[object] | None,
) -> None:
    """Raise DataError for a fold whose rows teach nothing, or weigh nothing."""
    learned = truth[fold.train]
    if len(learned) and bool((learned == learned[0]).all()):
        what = "of one class" if classes is not None else "of one value"
        hint = (
            f"choose stratified_{mode.type} or fewer folds"
            if mode.type == "k_fold" and classes
            else "choose fewer folds"
        )
        message = f"in fold {number} all rows to learn from are {what}; {hint}, or take more rows"
        raise DataError(message, reason="constant-target")
    for part, rows in (("learn from", fold.train), ("judge on", fold.test)):
        if weights is not None and not weights[rows].any():
            message = f"in fold {number} all rows to {part} have weight 0; choose fewer folds, or leave those rows out"
            raise DataError(message, reason="zero-weights")
