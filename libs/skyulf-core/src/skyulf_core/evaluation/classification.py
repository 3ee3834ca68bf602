"""Evaluating classifiers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn import metrics as sk

from skyulf_core.evaluation.result import Evaluation, finite, thinned
from skyulf_core.problems import DataError

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label

_MOST_CURVES = 20


def evaluate_classification(
    target: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: NDArray[np.float64] | None,
    *,
    classes: Sequence[Label],
) -> Evaluation:
    """Compare predicted class codes with true ones (0 … k-1 into `classes`).

    Averages are over the classes that occur. With two classes the second is the positive one; with more, `roc_auc`
    and `pr_auc` are macro averages of one class against the rest. A metric that is undefined for these rows (roc_auc
    where only one class occurs) is left out. Raises DataError where there are no rows.
    """
    if not len(target):
        raise DataError("there are no rows to evaluate on", reason="no-rows")
    codes = np.arange(len(classes))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # undefined metrics are left out, which says the same
        found = _label_metrics(target, predicted)
        details = _class_details(target, predicted, codes, classes)
        if probabilities is not None:
            found |= _probability_metrics(target, probabilities, codes)
            details |= _curves(target, probabilities, classes)
    return Evaluation("classification", len(target), finite(found), details)


def _label_metrics(target: NDArray[np.generic], predicted: NDArray[np.generic]) -> dict[str, float]:
    found = {
        "accuracy": sk.accuracy_score(target, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
        "mcc": sk.matthews_corrcoef(target, predicted),
    }
    for average in ("weighted", "macro"):
        scores = sk.precision_recall_fscore_support(target, predicted, average=average, zero_division=0)
        found |= {f"{name}_{average}": scores[i] for i, name in enumerate(("precision", "recall", "f1"))}
    return found


def _probability_metrics(
    target: NDArray[np.generic], probabilities: NDArray[np.float64], codes: NDArray[np.int64]
) -> dict[str, float]:
    if len(codes) == 2:
        positive = probabilities[:, 1]
        metrics: dict[str, Callable[[], float]] = {
            "roc_auc": lambda: sk.roc_auc_score(target, positive),
            "pr_auc": lambda: sk.average_precision_score(target, positive) if 1 in target else np.nan,
            "brier": lambda: sk.brier_score_loss(target, positive, labels=codes, pos_label=1),
        }
    else:
        metrics = {
            "roc_auc": lambda: _macro(sk.roc_auc_score, target, probabilities),
            "pr_auc": lambda: _macro(sk.average_precision_score, target, probabilities),
            "brier": lambda: sk.brier_score_loss(target, probabilities, labels=codes),
        }
    metrics["log_loss"] = lambda: sk.log_loss(target, probabilities, labels=codes)
    return {name: _or_nan(metric) for name, metric in metrics.items()}


def _macro(score: Callable[..., float], target: NDArray[np.generic], probabilities: NDArray[np.float64]) -> float:
    """Average a score of each class against the rest, over the classes that occur."""
    occurring = np.unique(target).tolist()
    return float(np.mean([score(target == code, probabilities[:, code]) for code in occurring]))


def _or_nan(metric: Callable[[], float]) -> float:
    try:
        return float(metric())
    except ValueError:
        return float("nan")


def _class_details(
    target: NDArray[np.generic],
    predicted: NDArray[np.generic],
    codes: NDArray[np.int64],
    classes: Sequence[Label],
) -> dict[str, JsonValue]:
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        target, predicted, labels=codes, zero_division=0
    )
    per_class: list[JsonValue] = [
        {
            "label": label, "precision": float(precision[i]), "recall": float(recall[i]), "f1": float(f1[i]),
            "support": int(support[i]),
        }
        for i, label in enumerate(classes)
    ]  # fmt: skip
    matrix = sk.confusion_matrix(target, predicted, labels=codes).tolist()
    return {"labels": cast("list[JsonValue]", list(classes)), "classes": per_class, "confusion_matrix": matrix}


def _curves(
    target: NDArray[np.generic], probabilities: NDArray[np.float64], classes: Sequence[Label]
) -> dict[str, JsonValue]:
    """Return ROC and precision-recall curves of the positive class, or of each (the most frequent ones)."""
    counts = np.bincount(target.astype(np.int64), minlength=len(classes))
    shown = [1] if len(classes) == 2 else np.argsort(-counts, kind="stable")[:_MOST_CURVES].tolist()
    roc: list[JsonValue] = []
    pr: list[JsonValue] = []
    for code in shown:
        truth, score = target == code, probabilities[:, code]
        if not truth.any() or truth.all():
            continue
        fpr, tpr, _ = sk.roc_curve(truth, score)
        fprs, tprs = thinned(fpr, tpr)
        roc.append({"label": classes[code], "fpr": fprs, "tpr": tprs, "auc": float(sk.auc(fpr, tpr))})
        precision, recall, _ = sk.precision_recall_curve(truth, score)
        precisions, recalls = thinned(precision, recall)
        average = float(sk.average_precision_score(truth, score))
        pr.append({"label": classes[code], "precision": precisions, "recall": recalls, "average_precision": average})
    return {"roc_curves": roc, "pr_curves": pr}
