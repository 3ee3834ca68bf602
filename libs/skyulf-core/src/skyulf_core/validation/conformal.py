"""Conformal prediction: intervals and sets with a stated coverage, whatever the model and the data are like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.evaluation.rows import Floats, rows_of
from skyulf_core.problems import DataError
from skyulf_core.serving.conformal import Conformal

__all__ = ["Conformal", "conformal_quantile", "covered", "fit_intervals", "fit_sets", "least_rows"]

MOST_BINS = 5


def least_rows(coverage: float, method: str = "absolute") -> int:
    """Return how many rows a coverage needs.

    >>> least_rows(0.9), least_rows(0.9, "signed")
    (9, 19)
    """
    share = 1 - (1 - coverage) / 2 if method == "signed" else coverage
    return math.ceil(share / (1 - share) - 1e-9)


def conformal_quantile(scores: Floats, coverage: float, weights: Floats | None = None) -> float:
    """Return the score that a new row's is at most with this chance: the ceil((n + 1) * coverage)-th of n.

    With weights the coverage is that of rows as they weigh, for a new row that weighs at most as much as the heaviest
    one (Tibshirani, 2019); rows without a weight are left out of account. Raises DataError where there are too few
    scores: then no finite one is.
    """
    if weights is not None:
        return _weighted_quantile(scores, coverage, weights)
    place = math.ceil((len(scores) + 1) * coverage - 1e-9)
    if place > len(scores):
        raise _too_few(coverage, f"{len(scores)}")
    return float(np.partition(scores, place - 1)[place - 1])


def _weighted_quantile(scores: Floats, coverage: float, weights: Floats) -> float:
    shares = weights / weights.max(initial=np.finfo(np.float64).tiny)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(shares[order])
    wanted = coverage * (float(shares.sum()) + 1)
    place = int(np.searchsorted(reached, wanted * (1 - 1e-12) - 1e-9, side="left"))
    if place >= len(order):
        raise _too_few(coverage, f"as much as {shares.sum():.3g} by their weights")
    return float(scores[order[place]])


def _too_few(coverage: float, found: str) -> DataError:
    message = (
        f"a coverage of {coverage:g} needs at least {least_rows(coverage)} rows that were not learned from, not {found}"
        "; take more rows, or promise a smaller coverage"
    )
    return DataError(message, reason="too-few-rows")


def fit_intervals(
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    *,
    coverage: float = 0.9,
    method: Literal["absolute", "signed", "binned"] = "absolute",
    weights: Floats | None = None,
    guaranteed: bool = True,
) -> Conformal:
    """Learn intervals of a regression on rows that it has not learned from.

    `absolute`: equally far below and above. `signed`: so that half of what is not covered is on either side, for errors
    that lean to one side. `binned`: `absolute` for up to five bins of the predictions, each covered as promised, for
    errors that grow with what is predicted. `weights` make the coverage that of rows as they weigh. Raises DataError
    where there are too few rows.
    """
    _check_coverage(coverage)
    rows = rows_of(truth, predicted, weights=weights)
    guess = rows.predicted.astype(np.float64)
    errors = rows.truth.astype(np.float64) - guess
    if not np.isfinite(errors).all():
        raise DataError("a target or a prediction is missing or infinite", reason="not-finite")
    if method == "signed":
        half = 1 - (1 - coverage) / 2
        below, above = (conformal_quantile(each, half, weights) for each in (-errors, errors))
        return Conformal(method, coverage, (below,), (above,), (), len(errors), guaranteed)
    edges = _edges(guess, coverage, weights) if method == "binned" else ()
    bins = np.searchsorted(np.array(edges), guess, side="right")
    parts = [bins == k for k in range(len(edges) + 1)]
    reach = tuple(conformal_quantile(np.abs(errors[k]), coverage, _some(weights, k)) for k in parts)
    return Conformal(method, coverage, reach, reach, edges, len(errors), guaranteed)


def fit_sets(
    truth: NDArray[np.generic],
    probabilities: Floats,
    *,
    classes: Sequence[object],
    coverage: float = 0.9,
    method: Literal["lac", "aps"] = "lac",
    weights: Floats | None = None,
    guaranteed: bool = True,
) -> Conformal:
    """Learn sets of a classification on rows that it has not learned from.

    `lac` has the smallest sets on average, and empty ones where no class is likely enough (Sadinle, 2019). `aps` is
    never empty and has larger sets where the model is unsure (after Romano, 2020, without the random part: where the
    most likely class alone is right more often than the coverage asks, more is covered). `weights` make the coverage
    that of rows as they weigh. Raises DataError where there are too few rows.
    """
    _check_coverage(coverage)
    rows = rows_of(truth, truth, probabilities, classes=classes, weights=weights)
    known = rows.known_probabilities()
    place = np.arange(len(known)), rows.truth
    if method == "lac":
        scores = 1 - known[place]
    else:
        order = np.argsort(-known, axis=1, kind="stable")
        in_order = np.take_along_axis(known, order, axis=1)
        before = np.cumsum(np.c_[np.zeros(len(known)), in_order[:, :-1]], axis=1)
        scores = before[order == rows.truth[:, None]]
    reach = conformal_quantile(scores, coverage, weights)
    return Conformal(method, coverage, (), (reach,), (), len(known), guaranteed)


def covered(
    conformal: Conformal, truth: NDArray[np.generic], answers: NDArray[np.generic] | Floats
) -> NDArray[np.bool_]:
    """Say which rows are covered; `answers` are predictions of a regression, or probabilities (rows x classes)."""
    if conformal.makes_sets:
        rows = zip(truth.tolist(), answers.tolist(), strict=True)
        return np.array([code in conformal.codes(probabilities) for code, probabilities in rows], dtype=np.bool_)
    found = np.array([conformal.interval(float(value)) for value in answers.tolist()]).reshape(-1, 2)
    known = truth.astype(np.float64)
    return np.asarray((found[:, 0] <= known) & (known <= found[:, 1]))


def _some(weights: Floats | None, rows: NDArray[np.bool_]) -> Floats | None:
    return None if weights is None else weights[rows]


def _edges(predicted: Floats, coverage: float, weights: Floats | None) -> tuple[float, ...]:
    """Return edges of bins of about the same number of rows, each with enough of them."""
    least = 5 * math.ceil(coverage / (1 - coverage))
    bins = max(1, min(MOST_BINS, len(predicted) // max(least, 1)))
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    kept: list[float] = []
    for edge in edges.tolist():
        inside = (predicted < edge) & (predicted >= (kept[-1] if kept else -math.inf))
        if all(_effective(weights, part) >= least for part in (inside, predicted >= edge)):
            kept.append(edge)
    return tuple(kept)


def _effective(weights: Floats | None, rows: NDArray[np.bool_]) -> float:
    """Return how many rows count: heavy ones as one, lighter ones as less."""
    if weights is None or not rows.any():
        return float(rows.sum())
    some = weights[rows]
    return float(some.sum() / some.max()) if some.any() else 0.0


def _check_coverage(coverage: float) -> None:
    if not 0 < coverage < 1:
        raise DataError(f"a coverage is between 0 and 1, as 0.9; it is {coverage}", reason="bad-coverage")
