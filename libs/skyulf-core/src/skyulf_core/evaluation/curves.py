"""Curves of classifiers as arrays: ROC, precision and recall, calibration, gain and lift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.result import thinned
from skyulf_core.evaluation.rows import Codes, Floats

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label

_MOST_CURVES = 20
_BINS = 10


def curves(truth: Codes, probabilities: Floats, classes: Sequence[Label], weights: Floats) -> dict[str, JsonValue]:
    """Return the curves of the positive class, or of each (the most frequent ones), by name.

    A class that no row has, or that every row has, has none.
    """
    counts = np.bincount(truth, minlength=len(classes))
    shown = [1] if len(classes) == 2 else np.argsort(-counts, kind="stable")[:_MOST_CURVES].tolist()
    found: dict[str, list[JsonValue]] = {f"{name}_curves": [] for name in ("roc", "pr", "calibration", "gain")}
    for code in shown:
        positive, scores = truth == code, probabilities[:, code]
        if not weights[positive].sum() or not weights[~positive].sum():
            continue
        found["roc_curves"].append({"label": classes[code], **roc_curve(positive, scores, weights)})
        found["pr_curves"].append({"label": classes[code], **pr_curve(positive, scores, weights)})
        found["calibration_curves"].append({"label": classes[code], **calibration_curve(positive, scores, weights)})
        found["gain_curves"].append({"label": classes[code], **gain_curve(positive, scores, weights)})
    return cast("dict[str, JsonValue]", found)


def roc_curve(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> dict[str, JsonValue]:
    """Return `fpr` and `tpr` at falling thresholds, from (0, 0) to (1, 1), and the area `auc`."""
    from sklearn import metrics as sk  # imported here: reading an evaluation back needs none of it

    fpr, tpr, _ = sk.roc_curve(positive, scores, sample_weight=weights)
    fprs, tprs = thinned(fpr, tpr)
    return {"fpr": fprs, "tpr": tprs, "auc": float(sk.auc(fpr, tpr))}


def pr_curve(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> dict[str, JsonValue]:
    """Return `precision` and `recall` at rising thresholds, and the `average_precision`."""
    from sklearn import metrics as sk

    precision, recall, _ = sk.precision_recall_curve(positive, scores, sample_weight=weights)
    precisions, recalls = thinned(precision, recall)
    average = float(-np.sum(np.diff(recall) * precision[:-1]))
    return {"precision": precisions, "recall": recalls, "average_precision": average}


def calibration_curve(
    positive: NDArray[np.bool_], scores: Floats, weights: Floats, *, bins: int = _BINS
) -> dict[str, JsonValue]:
    """Return, for bins of equal width that hold rows, the mean probability and the share that came true.

    `error` is the expected calibration error: the mean distance of the two, a bin counting as much as its rows.
    """
    bin_of = np.searchsorted(np.linspace(0.0, 1.0, bins + 1)[1:-1], scores)
    weight = np.bincount(bin_of, weights, minlength=bins)
    held = weight > 0
    predicted = np.bincount(bin_of, weights * scores, minlength=bins)[held] / weight[held]
    observed = np.bincount(bin_of, weights * positive, minlength=bins)[held] / weight[held]
    error = float(np.average(np.abs(predicted - observed), weights=weight[held]))
    return {
        "predicted": predicted.tolist(),
        "observed": observed.tolist(),
        "weight": weight[held].tolist(),
        "error": error,
    }


def gain_curve(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> dict[str, JsonValue]:
    """Return, for the rows with the highest scores: their `share` of all, the `gain` (their share of the positive
    ones), and the `lift` (gain over share; the first point, of no rows, has that of the second)."""
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.r_[scores[order][1:] != scores[order][:-1], True])
    reached = np.cumsum(weights[order])[ends]
    right = np.cumsum((weights * positive)[order])[ends]
    counted = reached > 0
    share, gain = reached[counted] / reached[-1], right[counted] / right[-1]
    lift = gain / share
    shares, gains, lifts = thinned(np.r_[0.0, share], np.r_[0.0, gain], np.r_[lift[0], lift])
    return {"share": shares, "gain": gains, "lift": lifts}
