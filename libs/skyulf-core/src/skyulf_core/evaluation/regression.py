"""Evaluating regressions."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.metrics import METRICS, reported_metrics
from skyulf_core.evaluation.result import Evaluation, finite
from skyulf_core.evaluation.rows import Floats, rows_of

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BINS = 30


def evaluate_regression(
    target: NDArray[np.generic], predicted: NDArray[np.generic], *, weights: Floats | None = None
) -> Evaluation:
    """Compare predicted numbers with true ones. A residual is truth minus prediction, in the target's unit.

    `mape` is a fraction (0.1: ten per cent), undefined where a true value is 0. A metric that is undefined for these
    rows is left out. With `weights` every row counts as much as it weighs, among the residuals too. Raises DataError
    where there are no rows.
    """
    rows = rows_of(target, predicted, weights=weights)
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number is left out
        metrics = {name: float(METRICS[name].function(rows)[0]) for name in reported_metrics("regression")}
        residuals = rows.truth.astype(np.float64) - rows.predicted.astype(np.float64)
        details = {"residuals": _residuals(residuals, None if weights is None else rows.weights[0])}
    return Evaluation("regression", len(target), finite(metrics), cast("dict[str, JsonValue]", details))


def _residuals(residuals: Floats, weights: Floats | None) -> dict[str, JsonValue]:
    counts, edges = _histogram(residuals, weights)
    if weights is None:
        quantiles = np.quantile(residuals, _QUANTILES).tolist()
    else:
        quantiles = np.quantile(residuals, _QUANTILES, method="inverted_cdf", weights=weights).tolist()
    mean = float(np.average(residuals, weights=weights))
    std = float(np.sqrt(np.average((residuals - mean) ** 2, weights=weights)))
    return {
        "mean": mean if np.isfinite(mean) else None,
        "std": std if np.isfinite(std) else None,
        "quantiles": {str(q): value for q, value in zip(_QUANTILES, quantiles, strict=True)},
        "histogram": cast("JsonValue", {"counts": counts, "edges": edges}),
    }


def _histogram(residuals: Floats, weights: Floats | None) -> tuple[list[float], list[float]]:
    """Return counts and borders; one bin where residuals are so alike, or so large, that floats do not part them."""
    try:
        counts, edges = np.histogram(residuals, bins=_BINS, weights=weights)
    except ValueError:
        edges = np.array([np.nan])
    if np.isfinite(edges).all():
        return counts.tolist(), edges.tolist()
    total = len(residuals) if weights is None else float(weights.sum())
    return [total], [float(residuals.min()), float(residuals.max())]
