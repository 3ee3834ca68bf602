"""Metrics of classifiers on numpy, for many sets of weights at once. Equal to scikit-learn's.

Where scikit-learn warns and answers 0 because a class does not occur, these average over the classes that occur, or
are undefined (NaN). A class whose rows all weigh nothing does not occur.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.evaluation.rows import Floats, Rows, divided

_ClassScore: TypeAlias = Callable[[Rows, NDArray[np.bool_], Floats], Floats]

_EPS = float(np.finfo(np.float64).eps)


def accuracy(rows: Rows) -> Floats:
    """Return the share of rows that are right."""
    return divided(rows.tally.hits.sum(axis=1), rows.total)


def balanced_accuracy(rows: Rows) -> Floats:
    """Return the mean recall of the classes that occur."""
    tally = rows.tally
    return _mean_over(divided(tally.hits, tally.actual, otherwise=0.0), tally.actual > 0)


def mcc(rows: Rows) -> Floats:
    """Return Matthews' correlation; 0 where truth or predictions are all of one class."""
    tally, total = rows.tally, rows.total
    shared = tally.hits.sum(axis=1) * total - (tally.actual * tally.called).sum(axis=1)
    spread = (total**2 - (tally.called**2).sum(axis=1)) * (total**2 - (tally.actual**2).sum(axis=1))
    return divided(shared, np.sqrt(np.maximum(spread, 0.0)), otherwise=0.0)


def precisions(rows: Rows) -> Floats:
    """Return the share of right rows among those called a class, per class; 0 where nothing is called it."""
    return divided(rows.tally.hits, rows.tally.called, otherwise=0.0)


def recalls(rows: Rows) -> Floats:
    """Return the share of rows of a class that are called it, per class; 0 where it does not occur."""
    return divided(rows.tally.hits, rows.tally.actual, otherwise=0.0)


def f1s(rows: Rows) -> Floats:
    """Return the harmonic mean of precision and recall, per class."""
    return divided(2 * rows.tally.hits, rows.tally.actual + rows.tally.called, otherwise=0.0)


PER_CLASS = {"precision": precisions, "recall": recalls, "f1": f1s}


def macro(rows: Rows, per_class: Floats) -> Floats:
    """Return the mean over the classes that occur, in truth or in predictions."""
    return _mean_over(per_class, (rows.tally.actual + rows.tally.called) > 0)


def weighted(rows: Rows, per_class: Floats) -> Floats:
    """Return the mean over the classes, each counting as much as its rows do."""
    return divided((per_class * rows.tally.actual).sum(axis=1), rows.tally.actual.sum(axis=1))


def log_loss(rows: Rows) -> Floats:
    """Return the mean negative logarithm of the true class's probability (kept within 2.2e-16 of 0 and 1)."""
    probabilities = rows.known_probabilities()
    true = probabilities[np.arange(len(probabilities)), rows.truth]
    return rows.mean(-np.log(np.clip(true, _EPS, 1 - _EPS)))


def brier(rows: Rows) -> Floats:
    """Return the mean squared error of the probabilities, summed over the classes; of the second one for two."""
    probabilities = rows.known_probabilities()
    if rows.classes == 2:
        return rows.mean((probabilities[:, 1] - rows.truth.astype(np.float64)) ** 2)
    errors = (probabilities**2).sum(axis=1)
    true = probabilities[np.arange(len(probabilities)), rows.truth]
    return rows.mean(errors - true**2 + (1 - true) ** 2)


def roc_auc(rows: Rows) -> Floats:
    """Return the area under the ROC curve: of the second class for two, else the mean of each against the rest."""
    return _auc(rows, rows.truth == 1, rows.known_probabilities()[:, 1]) if rows.classes == 2 else roc_auc_ovr(rows)


def roc_auc_ovr(rows: Rows) -> Floats:
    """Return the mean area under the ROC curve of each class that occurs against the rest."""
    return _mean_of_classes(rows, _auc)


def roc_auc_ovo(rows: Rows) -> Floats:
    """Return the mean area under the ROC curves of all pairs of classes that occur (Hand and Till, 2001)."""
    probabilities, areas = rows.known_probabilities(), []
    for first in range(rows.classes):
        for second in range(first + 1, rows.classes):
            kept = (rows.truth == first) | (rows.truth == second)
            pair = Rows(rows.truth[kept], rows.predicted[kept], rows.weights[:, kept], rows.labels)
            areas.append(_auc(pair, pair.truth == first, probabilities[kept, first]))
            areas.append(_auc(pair, pair.truth == second, probabilities[kept, second]))
    found = np.array(areas)
    return _mean_over(np.nan_to_num(found.T), ~np.isnan(found.T))


def pr_auc(rows: Rows) -> Floats:
    """Return the average precision: of the second class for two, else the mean over the classes that occur.

    Of more classes, of which one alone occurs, it is undefined: whatever is predicted would be right.
    """
    if rows.classes == 2:
        return _average_precision(rows, rows.truth == 1, rows.known_probabilities()[:, 1])
    several = (rows.tally.actual > 0).sum(axis=1) > 1
    return np.where(several, _mean_of_classes(rows, _average_precision), np.nan)


def _mean_of_classes(rows: Rows, score: _ClassScore) -> Floats:
    probabilities = rows.known_probabilities()
    total, count = np.zeros(len(rows.weights)), np.zeros(len(rows.weights))
    for code in np.unique(rows.truth).tolist():
        found = score(rows, rows.truth == code, probabilities[:, code])
        occurs = rows.tally.actual[:, code] > 0
        total += np.where(occurs, found, 0.0)
        count += occurs
    return divided(total, count)


def _auc(rows: Rows, positive: NDArray[np.bool_], scores: Floats) -> Floats:
    """Return the chance that a positive row has a higher score than a negative one, equal scores counting half."""
    ups, downs = _steps(rows, positive, scores)
    before = np.cumsum(ups, axis=1) - ups
    area = (downs * (before + ups / 2)).sum(axis=1)
    return divided(area, ups.sum(axis=1) * downs.sum(axis=1))


def _average_precision(rows: Rows, positive: NDArray[np.bool_], scores: Floats) -> Floats:
    """Return the sum of precisions at every score, weighted with the recall that it adds."""
    ups, downs = _steps(rows, positive, scores)
    right = np.cumsum(ups, axis=1)
    precision = divided(right, right + np.cumsum(downs, axis=1), otherwise=0.0)
    return divided((precision * ups).sum(axis=1), ups.sum(axis=1))


def _steps(rows: Rows, positive: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """Return the weight of positive and of negative rows at every distinct score, the highest first."""
    if not len(scores):
        return np.zeros((len(rows.weights), 0)), np.zeros((len(rows.weights), 0))
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weights, is_positive = rows.weights[:, order], positive[order]
    ups = np.where(is_positive, weights, 0.0)
    if len(starts) == len(order):
        return ups, weights - ups
    return np.add.reduceat(ups, starts, axis=1), np.add.reduceat(np.where(is_positive, 0.0, weights), starts, axis=1)


def _mean_over(values: Floats, counted: NDArray[np.bool_]) -> Floats:
    return divided(np.where(counted, values, 0.0).sum(axis=1), counted.sum(axis=1).astype(np.float64))
