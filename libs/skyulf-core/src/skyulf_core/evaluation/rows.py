"""Rows with their truth and what a model said of them, under one set of weights or many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.problems import DataError

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.int64]
_TINY = 1e-100


@dataclass(frozen=True, eq=False)
class Rows:
    """n rows under r sets of weights; a metric of them is r numbers, NaN where it is undefined.

    A classification has class codes (0 … k-1 into `labels`) in `truth` and `predicted`, and `probabilities` (n x k)
    where the model has them; a regression has numbers, and no labels. `weights` is r x n: one row of ones where all
    rows count alike, one row per sample of a bootstrap, where a row's weight is how often it was drawn.
    """

    truth: NDArray[np.generic]
    predicted: NDArray[np.generic]
    weights: Floats
    labels: tuple[object, ...] | None = None
    probabilities: Floats | None = None

    @property
    def classes(self) -> int:
        """The number of classes; 0 of a regression."""
        return len(self.labels or ())

    @property
    def total(self) -> Floats:
        """The sum of each set of weights."""
        return np.asarray(self.weights.sum(axis=1))

    def mean(self, losses: Floats) -> Floats:
        """Return the weighted mean of a number per row."""
        return divided(self.weights @ losses, self.total)

    def known_probabilities(self) -> Floats:
        """Return the probabilities. Raises DataError where the model gives none."""
        if self.probabilities is None:
            message = "the model gives no probabilities; choose a metric of labels, such as balanced_accuracy"
            raise DataError(message, reason="no-probabilities")
        return self.probabilities

    @cached_property
    def tally(self) -> Tally:
        """How much weight each class has by truth, by prediction and by both."""
        truth, predicted = self.truth.astype(np.int64), self.predicted.astype(np.int64)
        hits = np.where(truth == predicted, truth, -1)
        return Tally(*(_sums(self.weights, codes, self.classes) for codes in (truth, predicted, hits)))


@dataclass(frozen=True, eq=False)
class Tally:
    """Weights per class (r x classes): of the rows that are of it, that are called it, and of those that are both."""

    actual: Floats
    called: Floats
    hits: Floats


def tallied(tally: Tally, labels: Sequence[object]) -> Rows:
    """Return rows of which nothing is known but a tally: metrics of labels can be computed of them, no others."""
    totals = tally.actual.sum(axis=1, keepdims=True)
    rows = Rows(np.empty(0, np.int64), np.empty(0, np.int64), totals, tuple(labels))
    rows.__dict__["tally"] = tally  # where cached_property looks before it computes
    return rows


def rows_of(
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: Floats | None = None,
    *,
    classes: Sequence[object] | None = None,
    weights: Floats | None = None,
) -> Rows:
    """Return checked rows. Raises DataError where there are none, or lengths, codes or weights do not fit."""
    if not len(truth):
        raise DataError("there are no rows to evaluate on", reason="no-rows")
    if len(predicted) != len(truth) or (probabilities is not None and len(probabilities) != len(truth)):
        raise DataError("truth, predictions and probabilities differ in length", reason="wrong-length")
    known = checked_weights(weights, len(truth))
    if classes is None:
        return Rows(truth.astype(np.float64), predicted.astype(np.float64), known)
    for codes in (truth, predicted):
        if codes.min() < 0 or codes.max() >= len(classes):
            raise DataError(f"a class code is not within 0 … {len(classes) - 1}", reason="unseen-class")
    if probabilities is not None:
        probabilities = _two_dimensional(np.asarray(probabilities, np.float64), len(classes))
        if not np.isfinite(probabilities).all():
            raise DataError("a probability is missing or infinite", reason="not-finite")
    return Rows(truth.astype(np.int64), predicted.astype(np.int64), known, tuple(classes), probabilities)


def checked_weights(weights: NDArray[np.generic] | None, rows: int) -> Floats:
    """Return weights as one row of a table (ones where there are none).

    Raises DataError for weights that are negative, not finite, all 0, or not one per row.
    """
    if weights is None:
        return np.ones((1, rows))
    known = np.asarray(weights, np.float64)
    if known.shape != (rows,):
        raise DataError(f"there are {known.size} weights for {rows} rows", reason="wrong-length")
    if not np.isfinite(known).all() or (known < 0).any():
        raise DataError("a weight is negative, missing or infinite; weights are numbers from 0", reason="bad-weights")
    if not known.any():
        raise DataError("all weights are 0; at least one row must count", reason="bad-weights")
    most = float(known.max())
    return (known if most >= _TINY else known / most)[None, :]  # products of tiny weights would be 0


def divided(numerator: Floats, denominator: Floats, *, otherwise: float = np.nan) -> Floats:
    """Return quotients; `otherwise` where the denominator is 0."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out


def _sums(weights: Floats, codes: Codes, classes: int) -> Floats:
    """Return the sum of the weights of each code (r x classes); rows of code -1 count for none."""
    if len(weights) == 1:
        return np.bincount(codes + 1, weights[0], minlength=classes + 1)[None, 1:].astype(np.float64)
    if classes <= 16:
        return np.asarray(weights @ (codes[:, None] == np.arange(classes)).astype(np.float64))
    return np.array([np.bincount(codes + 1, row, minlength=classes + 1)[1:] for row in weights])


def _two_dimensional(probabilities: Floats, classes: int) -> Floats:
    if probabilities.ndim == 1 and classes == 2:
        return np.column_stack([1 - probabilities, probabilities])
    if probabilities.ndim != 2 or probabilities.shape[1] != classes:
        message = f"there are probabilities of {probabilities.shape[-1]} classes, not of {classes}"
        raise DataError(message, reason="wrong-length")
    return probabilities
