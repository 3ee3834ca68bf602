"""Evaluating classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation import class_metrics
from skyulf_core.evaluation.curves import curves
from skyulf_core.evaluation.metrics import METRICS, reported_metrics
from skyulf_core.evaluation.result import Evaluation, finite
from skyulf_core.evaluation.rows import Codes, Floats, Rows, rows_of

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label


def evaluate_classification(
    target: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: Floats | None,
    *,
    classes: Sequence[Label],
    weights: Floats | None = None,
) -> Evaluation:
    """Compare predicted class codes with true ones (0 … k-1 into `classes`).

    Averages are over the classes that occur. With two classes the second is the positive one; with more, `roc_auc`
    and `pr_auc` are macro averages of one class against the rest. A metric that is undefined for these rows (roc_auc
    where only one class occurs) is left out. With `weights` every row counts as much as it weighs, in the matrix and
    the supports too. Raises DataError where there are no rows.
    """
    rows = rows_of(target, predicted, probabilities, classes=classes, weights=weights)
    known = {"predictions", "probabilities"} if probabilities is not None else {"predictions"}
    names = [name for name in reported_metrics("classification") if METRICS[name].needs in known]
    found = {name: float(METRICS[name].function(rows)[0]) for name in names}
    details = _class_details(rows, classes, whole=weights is None)
    if rows.probabilities is not None:
        details |= curves(cast("Codes", rows.truth), rows.probabilities, classes, rows.weights[0])
    return Evaluation("classification", len(target), finite(found), details)


def _class_details(rows: Rows, classes: Sequence[Label], *, whole: bool) -> dict[str, JsonValue]:
    """Return what is known per class; weights are counts (whole numbers) where nobody gave any."""
    kind = int if whole else float
    scores = [function(rows)[0].tolist() for function in class_metrics.PER_CLASS.values()]
    support = rows.tally.actual[0].astype(kind).tolist()
    per_class: list[JsonValue] = [
        {"label": label, "precision": precision, "recall": recall, "f1": f1, "support": count}
        for label, precision, recall, f1, count in zip(classes, *scores, support, strict=True)
    ]
    cells = cast("Codes", rows.truth) * rows.classes + cast("Codes", rows.predicted)
    matrix = np.bincount(cells, rows.weights[0], minlength=rows.classes**2).astype(kind)
    return {
        "labels": cast("list[JsonValue]", list(classes)),
        "classes": per_class,
        "confusion_matrix": cast("JsonValue", matrix.reshape(rows.classes, rows.classes).tolist()),
    }
