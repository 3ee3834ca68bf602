"""The target as selecting nodes need it: classes or numbers."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Task
from skyulf_core.problems import DataError
from skyulf_core.schema import NUMBER_LIKE, NUMERIC

TaskChoice: TypeAlias = Literal["auto", "classification", "regression"]
MOST_CLASSES = 20
"""Whole numbers with more different values than this are no classes, where nobody says so."""


def task_field() -> TaskChoice:
    """Return the field `task` that selecting nodes share."""
    field: TaskChoice = Field(
        default="auto",
        title="Task",
        description=f"What the target is. auto: classes where it holds texts, booleans or up to {MOST_CLASSES} "
        "different whole numbers, else numbers.",
    )
    return field


def task_of(target: pl.Series, task: TaskChoice) -> Task:
    """Return what the target is. Raises DataError for a regression on anything but numbers."""
    dtype = dtype_of(target.dtype)
    if task == "regression" and dtype not in NUMBER_LIKE:
        message = f"the target {target.name!r} is {dtype}; a regression needs numbers"
        raise DataError(message, reason="wrong-type", column=target.name)
    if task != "auto":
        return task
    if dtype not in NUMERIC:
        return "classification"
    whole = dtype == "integer" or bool((target.floor() == target).all())
    return "classification" if whole and target.n_unique() <= MOST_CLASSES else "regression"


def values_of(target: pl.Series, task: Task) -> NDArray[np.generic]:
    """Return codes of the classes, in their sorted order, or numbers. Raises DataError for infinite ones."""
    if task == "classification":
        codes: NDArray[np.generic] = target.rank("dense").cast(pl.Int64).to_numpy() - 1
        return codes
    numbers = target.cast(pl.Float64)
    if bool(numbers.is_infinite().any()):
        message = f"the target {target.name!r} holds infinite values"
        raise DataError(message, reason="not-finite", column=target.name)
    return numbers.to_numpy()
