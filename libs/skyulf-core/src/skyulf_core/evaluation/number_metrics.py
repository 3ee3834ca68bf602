"""Metrics of regressions on numpy, for many sets of weights at once. Equal to scikit-learn's."""

from __future__ import annotations

import numpy as np

from skyulf_core.evaluation.rows import Floats, Rows, divided

_EPS = float(np.finfo(np.float64).eps)


def mae(rows: Rows) -> Floats:
    """Return the mean absolute error."""
    return rows.mean(np.abs(_errors(rows)))


def mse(rows: Rows) -> Floats:
    """Return the mean squared error."""
    return rows.mean(_errors(rows) ** 2)


def rmse(rows: Rows) -> Floats:
    """Return the root of the mean squared error, in the target's unit."""
    return np.asarray(np.sqrt(mse(rows)))


def mape(rows: Rows) -> Floats:
    """Return the mean absolute error as a fraction of the true value; undefined where a true value is 0."""
    truth = rows.truth.astype(np.float64)
    if not truth.all():
        return np.full(len(rows.weights), np.nan)
    return rows.mean(np.abs(_errors(rows)) / np.maximum(np.abs(truth), _EPS))


def median_ae(rows: Rows) -> Floats:
    """Return the weighted median of the absolute errors: the mean of two where half of the weight ends between them."""
    errors = np.abs(_errors(rows))
    order = np.argsort(errors, kind="stable")
    ordered = errors[order]
    found = np.empty(len(rows.weights))
    for index, weights in enumerate(rows.weights):
        reached = np.cumsum(weights[order])
        half = reached[-1] / 2
        at = min(int(np.searchsorted(reached, half)), len(ordered) - 1)
        if reached[at] - half > _EPS:
            found[index] = ordered[at]
            continue
        after = int(np.searchsorted(reached, reached[at], side="right"))
        found[index] = (ordered[at] + ordered[after if after < len(ordered) else at]) / 2
    return found


def r2(rows: Rows) -> Floats:
    """Return the share of the target's squares about its mean that is explained; undefined for a single row."""
    if len(rows.truth) < 2:
        return np.full(len(rows.weights), np.nan)
    left = rows.weights @ (_errors(rows) ** 2)
    return _explained(left, _squares_about_mean(rows, rows.truth.astype(np.float64)))


def explained_variance(rows: Rows) -> Floats:
    """Return the share of the target's variance that is explained, whatever the errors' mean."""
    if len(rows.truth) < 2:
        return np.full(len(rows.weights), np.nan)
    left = _squares_about_mean(rows, _errors(rows))
    return _explained(left, _squares_about_mean(rows, rows.truth.astype(np.float64)))


def pinball(rows: Rows, quantile: float) -> Floats:
    """Return the mean loss of a prediction of this quantile; of the median it is half of the absolute error."""
    errors = _errors(rows)
    return rows.mean(np.where(errors >= 0, quantile * errors, (quantile - 1) * errors))


def _errors(rows: Rows) -> Floats:
    return rows.truth.astype(np.float64) - rows.predicted.astype(np.float64)


def _explained(left: Floats, whole: Floats) -> Floats:
    """Return 1 - left / whole; where the target is constant 1 for no error and 0 for any, as scikit-learn does."""
    return np.where(whole > 0, 1 - divided(left, whole, otherwise=0.0), np.where(left > 0, 0.0, 1.0))


def _squares_about_mean(rows: Rows, values: Floats) -> Floats:
    """Return the weighted sum of squares about the weighted mean."""
    if len(rows.weights) == 1:
        mean = np.average(values, weights=rows.weights[0])
        return np.asarray(rows.weights @ (values - mean) ** 2)
    near = values - np.median(values)  # little is lost to rounding: samples have means near the middle
    squares = rows.weights @ near**2
    found = squares - (rows.weights @ near) ** 2 / rows.total
    return np.where(found > 4 * _EPS * len(values) * squares, found, 0.0)
