"""Evaluating regressions."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn import metrics as sk

from skyulf_core.evaluation.result import Evaluation, finite
from skyulf_core.problems import DataError

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BINS = 30


def evaluate_regression(target: NDArray[np.generic], predicted: NDArray[np.generic]) -> Evaluation:
    """Compare predicted numbers with true ones. A residual is truth minus prediction, in the target's unit.

    `mape` is a fraction (0.1: ten per cent), undefined where a true value is 0. A metric that is undefined for these
    rows is left out. Raises DataError where there are no rows.
    """
    if not len(target):
        raise DataError("there are no rows to evaluate on", reason="no-rows")
    truth, guess = target.astype(np.float64), predicted.astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # undefined metrics are left out, which says the same
        metrics = {
            "mae": sk.mean_absolute_error(truth, guess),
            "mse": sk.mean_squared_error(truth, guess),
            "rmse": sk.root_mean_squared_error(truth, guess),
            "r2": sk.r2_score(truth, guess),
            "mape": sk.mean_absolute_percentage_error(truth, guess) if truth.all() else np.nan,
            "median_ae": sk.median_absolute_error(truth, guess),
            "explained_variance": sk.explained_variance_score(truth, guess) if len(truth) > 1 else np.nan,
        }
    return Evaluation("regression", len(truth), finite(metrics), {"residuals": _residuals(truth - guess)})


def _residuals(residuals: NDArray[np.float64]) -> dict[str, JsonValue]:
    counts, edges = np.histogram(residuals, bins=_BINS)
    quantiles = np.quantile(residuals, _QUANTILES).tolist()
    return {
        "mean": float(residuals.mean()),
        "std": float(residuals.std()),
        "quantiles": {str(q): value for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "histogram": cast("JsonValue", {"counts": counts.tolist(), "edges": edges.tolist()}),
    }
