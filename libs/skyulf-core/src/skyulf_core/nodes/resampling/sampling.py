"""What the resampling nodes share: classes as codes, checked columns, imbalanced-learn brought in when it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, StrictFloat
from pydantic.config import JsonDict

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.matrix import Matrix, matrix_of, refuse_nulls
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMBER_LIKE, Schema

if TYPE_CHECKING:
    from types import ModuleType

Targeted: TypeAlias = Literal["auto", "minority", "majority", "not minority", "not majority", "all"]
_MANY = 20
_ROWS_PER_CLASS = 10


def random_state_field(only_when: JsonDict | None = None) -> int:
    """Return the field `random_state` of a resampling node, with the condition under which it matters."""
    field: int = Field(
        default=42,
        ge=0,
        le=2**32 - 1,
        title="Random state",
        description="The same number makes the same rows.",
        json_schema_extra=None if only_when is None else {"x-visible-if": only_when},
    )
    return field


def strategy_field(description: str) -> Any:
    """Return the field `sampling_strategy` of a resampling node."""
    return Field(default="auto", title="Balance", description=description)


Share: TypeAlias = StrictFloat


def imblearn(module: str) -> ModuleType:
    """Return a module of imbalanced-learn. Raises DataError that says how to install it."""
    try:
        return importlib.import_module(f"imblearn.{module}")
    except ImportError as error:
        raise DataError(
            "resampling needs the package imbalanced-learn; install it with pip install 'skyulf-core[imbalanced]'",
            reason="missing-extra",
        ) from error


def classes_of(target: pl.Series) -> tuple[NDArray[np.int64], pl.Series]:
    """Return each row's class as a number, and the classes in sorted order. Raises DataError for a regression's target.

    Whole numbers may be classes. Numbers with fractions are none, nor are more than 20 different whole numbers with
    less than ten rows each on average.
    """
    labels = target.unique().sort()
    fractions = target.dtype.is_float() and not bool((target.floor() == target).all())
    many = len(labels) > _MANY and len(target) < _ROWS_PER_CLASS * len(labels)
    if fractions or (target.dtype.is_numeric() and many):
        raise DataError(
            f"the target {target.name!r} holds numbers of a regression; resampling balances classes",
            reason="wrong-task",
            column=target.name,
        )
    if len(labels) < 2:
        raise DataError(
            f"the target {target.name!r} has one class in the training rows; there is nothing to balance",
            reason="one-class",
            column=target.name,
        )
    return target.rank("dense").cast(pl.Int64).to_numpy() - 1, labels


def numbers_of(features: pl.DataFrame, strategy: str) -> Matrix:
    """Return all columns as numbers. Raises DataError that names a column of texts, dates or missing values."""
    if not features.width:
        raise DataError(f"{strategy} needs columns of numbers to compare rows by", reason="no-features")
    for name, dtype in features.schema.items():
        if dtype_of(dtype) not in NUMBER_LIKE:
            message = f"column {name!r} is {dtype_of(dtype)}; {strategy} compares numbers: encode or drop it before"
            raise DataError(message, reason="wrong-type", column=name)
    refuse_nulls(features, features.columns, strategy)
    return np.ascontiguousarray(matrix_of(features, features.columns))


def type_problems(schema: Schema, strategy: str) -> list[Problem]:
    """Return a problem for each column that a strategy which compares rows cannot work on."""
    return [
        Problem(
            "/strategy",
            f"Column {column.name!r} is {column.dtype}; {strategy} compares numbers.",
            "wrong-type",
            suggestion="Encode or drop it before, or choose strategy 'random'.",
        )
        for column in schema
        if column.dtype not in NUMBER_LIKE
    ][:1]


def rows_of(
    features: pl.DataFrame, target: pl.Series, rows: Sequence[int] | NDArray[np.int64]
) -> tuple[pl.DataFrame, pl.Series]:
    """Return these rows and their targets."""
    positions = np.asarray(rows, np.int64)
    return features[positions], target.gather(positions)
