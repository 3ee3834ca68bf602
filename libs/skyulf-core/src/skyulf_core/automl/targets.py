"""What a target and the number of rows say against a training, before anything is divided."""

from __future__ import annotations

import math

import polars as pl

from skyulf_core.automl.families import AutoTask
from skyulf_core.automl.setup import task_of_target
from skyulf_core.data.frames import dtype_of
from skyulf_core.problems import DataError
from skyulf_core.schema import TEMPORAL

_FEWEST = {"classification": 6, "regression": 7}
_LEAST_LEARNED = 5
"""So many folds of one row the training rows of numbers are divided into at least."""
_PER_CLASS = 3


def check_wish(data: pl.DataFrame, target: str, task: AutoTask, *, test_size: float, model: str | None) -> None:
    """Raise DataError for rows, a target and a share held out that do not go together, in words of the command."""
    rows, values = data.height, data[target]
    if rows < _FEWEST[task]:
        message = (
            f"{'1 row is' if rows == 1 else f'{rows} rows are'} too few to learn from and to judge that; "
            f"it takes at least {_FEWEST[task]}, and says little below some hundred"
        )
        raise DataError(message, reason="too-few-rows")
    _check_type(values, task, model)
    if task == "classification":
        check_classes(values)
    _check_share(values, task, test_size)


def check_classes(values: pl.Series) -> None:
    """Raise DataError for classes that are none, or too rare to be learned and judged."""
    if values.dtype.is_float() and task_of_target(values) == "regression":
        raise _numbers(values)
    counts = values.value_counts(sort=True)
    rarest, rows = counts.row(-1)
    if counts.height < 2 or rows >= _PER_CLASS:
        return
    if values.dtype.is_numeric() and task_of_target(values) == "regression":
        raise _numbers(values)
    if counts.height * 2 > len(values) and not values.dtype.is_numeric():
        message = (
            f"the target {values.name!r} holds {counts.height:,} different texts in {len(values):,} rows, which are no "
            "classes that can be learned; predict a column with few different values, or one of numbers"
        )
        raise DataError(message, reason="no-classes", column=values.name)
    message = (
        f"class {rarest!r} of {values.name!r} has {rows} row{'s' if rows > 1 else ''}; to learn it and judge that "
        f"takes at least {_PER_CLASS}: leave it out, or join it with another"
    )
    raise DataError(message, reason="rare-class", column=values.name)


def _check_type(values: pl.Series, task: AutoTask, model: str | None) -> None:
    dtype, said = dtype_of(values.dtype), f"the target {values.name!r} holds"
    if dtype in TEMPORAL or dtype in ("time", "duration"):
        kinds = {"date": "dates", "datetime": "moments", "time": "times of day", "duration": "durations"}
        message = (
            f"{said} {kinds[dtype]}, which are not predicted; make numbers of them (as the days since a first one), or "
            "predict another column"
        )
        raise DataError(message, reason="wrong-type", column=values.name)
    if dtype == "other":
        message = f"{said} neither numbers, booleans nor texts; predict another column"
        raise DataError(message, reason="wrong-type", column=values.name)
    if task == "regression" and not values.dtype.is_numeric():
        what = "booleans" if dtype == "boolean" else "texts"
        message = f"{said} {what}, and {model} predicts numbers; choose a classification, or leave --model out"
        raise DataError(message, reason="wrong-task", column=values.name)


def _check_share(values: pl.Series, task: AutoTask, test_size: float) -> None:
    rows, classes = len(values), values.n_unique() if task == "classification" else 1
    held, option = math.ceil(test_size * rows), f"--test-size {test_size:g}"
    if held < classes:
        message = (
            f"{option} holds out {held:,} of {rows:,} rows, fewer than the {classes:,} classes; choose a larger one"
        )
        raise DataError(message, reason="too-few-rows")
    least = max(classes, _LEAST_LEARNED if task == "regression" else 0)
    if rows - held < least:
        message = (
            f"{option} leaves {rows - held:,} of {rows:,} rows to learn from, and it takes at least {least:,}; "
            "choose a smaller one"
        )
        raise DataError(message, reason="too-few-rows")


def _numbers(values: pl.Series) -> DataError:
    message = (
        f"the target {values.name!r} is numbers; take a regression model, as ridge_regression, or leave "
        "--model out, and one is chosen"
    )
    return DataError(message, reason="wrong-task", column=values.name)
