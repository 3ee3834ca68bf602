"""What the naive Bayes models share: smoothing, priors, and what they refuse."""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import AfterValidator, Field

from skyulf_core.models._base import refuse_one_class
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.class_weights import ClassWeight
from skyulf_core.problems import DataError


def _sums_to_one(priors: list[float] | None) -> list[float] | None:
    if priors is not None and not math.isclose(sum(priors), 1.0, rel_tol=1e-8):
        raise ValueError(f"the shares of the classes sum to {sum(priors)}, not to 1")
    return priors


Priors: TypeAlias = Annotated[
    list[Annotated[float, Field(gt=0, le=1)]] | None,
    AfterValidator(_sums_to_one),
    Field(
        title="Priors",
        description="The share of each class, in the order of the sorted labels; null: as among the training rows.",
    ),
]


class CountsConfig(NodeConfig):
    """Configuration of naive Bayes on counts."""

    alpha: float = Field(
        1.0, ge=0, title="Smoothing", description="Added to every count, so that what never occurred is not impossible."
    )
    force_alpha: bool = Field(
        True, title="Exact smoothing", description="false: a smoothing below 1e-10 is raised to that."
    )
    fit_prior: bool = Field(
        True, title="Learn priors", description="Whether the shares of the classes are learned; else all are the same."
    )
    class_prior: Priors = None
    class_weight: ClassWeight = None


def checked_classes(
    target: NDArray[np.generic], weights: NDArray[np.float64] | None, priors: list[float] | None, node: str
) -> int:
    """Return the number of classes. Raises DataError for one class, one without weight, or another number of priors."""
    classes = refuse_one_class(target, node)
    if priors is not None and len(priors) != classes:
        message = f"the configuration has shares for {len(priors)} classes, and the target has {classes}"
        raise DataError(message, reason="wrong-priors", node=node)
    if weights is not None and not np.bincount(target.astype(np.int64), weights, classes).all():
        message = "all rows of a class have the weight 0; leave these rows out, or give them weights"
        raise DataError(message, reason="weightless-class", node=node)
    return classes


def refuse_negative(features: pl.DataFrame, node: str) -> None:
    """Raise DataError for the first column with values below 0."""
    for column in features.iter_columns():
        count = 0 if column.dtype == pl.Boolean else int((column < 0).sum())
        if count:
            raise DataError(
                f"column {column.name!r} is below 0 in {count} rows, and this model counts; "
                "put a MinMaxScaler before it, or choose gaussian_nb",
                reason="negative-values",
                column=column.name,
                node=node,
            )


def refuse_other_than_flags(features: pl.DataFrame, node: str) -> None:
    """Raise DataError for the first column with other values than 0 and 1."""
    for column in features.iter_columns():
        if column.dtype != pl.Boolean and not bool(((column == 0) | (column == 1)).all()):
            message = f"column {column.name!r} holds other values than 0 and 1; set binarize to a threshold"
            raise DataError(message, reason="not-binary", column=column.name, node=node)


def logarithms(values: object, features: pl.DataFrame, node: str) -> NDArray[np.float64]:
    """Return logarithms (classes x features) as they are. Raises DataError where one is endless: alpha is 0."""
    found = np.ascontiguousarray(values, np.float64)
    endless = np.flatnonzero(~np.isfinite(found).all(axis=0))
    if len(endless):
        name = features.columns[int(endless[0])]
        raise DataError(
            f"column {name!r} never (or always) occurs with a class, which says everything without smoothing; "
            "set alpha above 0",
            reason="no-smoothing",
            column=name,
            node=node,
        )
    return found
