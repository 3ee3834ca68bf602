"""The linear model operation: logistic regression, ridge and their kin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    OpError,
    Origins,
    Row,
    RowFunction,
    ValueProblem,
    as_float,
    is_null,
    operation,
    same_length,
)
from skyulf_core.serving.ops.links import LINKS, link_batch

SCORES = "@scores"
"""Where a model writes its raw outputs: list[float] on a row, rows x outputs in a batch."""
PROBABILITIES = "@probabilities"
"""Where a classifier writes its probabilities: list[float] on a row, rows x classes in a batch."""
PREDICTION = "@prediction"
"""Where the answer stands: a label or a number."""
DECISION = "@decision"
"""Where an anomaly detector writes how normal a row is: below 0 it is an anomaly."""


@operation
@dataclass(frozen=True, eq=False)
class Linear(Op):
    """`scores[k] = sum over features of x * coefficients[k, feature], then + intercepts[k]`, summed in feature order.

    float64 throughout, one multiplication and one addition at a time. A null feature raises.
    """

    op: ClassVar[str] = "linear"
    features: tuple[str, ...]
    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    link: Literal["identity", "sigmoid", "softmax", "one_vs_rest", "clipped"] = "identity"

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", np.atleast_2d(np.asarray(self.coefficients, np.float64)))
        object.__setattr__(self, "intercepts", np.atleast_1d(np.asarray(self.intercepts, np.float64)))
        if self.coefficients.shape != (len(self.intercepts), len(self.features)):
            raise ValueError(f"linear: shape {self.coefficients.shape} for {len(self.features)} features")
        if self.link not in ("identity", "sigmoid", "softmax", "one_vs_rest", "clipped"):
            raise ValueError(f"linear: link {self.link!r}")
        same_length("linear", coefficients=self.coefficients, intercepts=self.intercepts)

    def row_function(self) -> RowFunction:
        """Score one row."""
        features, link = self.features, LINKS[self.link]
        outputs = tuple(
            (tuple(zip(features, weights, strict=True)), start)
            for weights, start in zip(self.coefficients.tolist(), self.intercepts.tolist(), strict=True)
        )

        def run(values: Row) -> None:
            scores = []
            try:
                for weighted, intercept in outputs:
                    total = 0.0
                    for name, weight in weighted:
                        total += values[name] * weight
                    scores.append(total + intercept)
            except TypeError:
                problems = null_features(values, features)
                if not problems:
                    raise
                raise OpError(problems) from None
            if not all(map(isfinite, scores)):
                raise OpError([out_of_range(0)])
            values[SCORES] = scores
            values[PROBABILITIES] = link(scores)

        return run

    def batch(self, columns: Columns) -> None:
        """Score columns."""
        matrix = [as_float(columns[name]) for name in self.features]
        refuse_nulls(self.features, matrix)
        scores = np.zeros((len(self.intercepts), len(matrix[0]) if matrix else 0), np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # looked for below
            for k, weights in enumerate(self.coefficients):
                for column, weight in zip(matrix, weights, strict=True):
                    scores[k] += column * weight
                scores[k] += self.intercepts[k]
        endless = np.flatnonzero(~np.isfinite(scores).all(axis=0))
        if len(endless):
            raise OpError([out_of_range(int(row)) for row in endless])
        store_batch(columns, scores.T, self.link)

    def makes(self) -> frozenset[str]:
        """Make scores, and probabilities for a classifier."""
        return model_makes(self.link)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the features."""
        return (after - self.makes()) | frozenset(self.features)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Refuse every null that reaches a feature."""
        return frozenset().union(*(origins.get(name, frozenset()) for name in self.features))


def model_makes(link: str) -> frozenset[str]:
    """Return what a model with this link makes."""
    return frozenset({SCORES} if link == "identity" else {SCORES, PROBABILITIES})


def null_features(values: Row, features: Sequence[str]) -> list[ValueProblem]:
    """Name the features of a row that are null."""
    return [_null(0, name) for name in features if values[name] is None]


def refuse_nulls(features: Sequence[str], matrix: Sequence[NDArray[Any]]) -> None:
    """Raise OpError for every null of a batch."""
    problems = [
        _null(int(row), name)
        for name, column in zip(features, matrix, strict=True)
        for row in np.flatnonzero(is_null(column))
    ]
    if problems:
        raise OpError(problems)


def out_of_range(row: int) -> ValueProblem:
    """Return the problem of a row whose numbers are too large to work with."""
    return ValueProblem(row, "", "has values so large that the model's score is not a number", "out_of_range")


def _null(row: int, name: str) -> ValueProblem:
    return ValueProblem(row, name, "is null, and the model cannot work with nulls", "null")


def store_batch(columns: Columns, scores: NDArray[np.float64], link: str, precision: str = "float64") -> None:
    """Write the scores, and the probabilities where there are any."""
    columns[SCORES] = scores
    probabilities = link_batch(link, scores, precision)
    if probabilities is not None:
        columns[PROBABILITIES] = probabilities
