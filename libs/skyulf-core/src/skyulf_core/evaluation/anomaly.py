"""Evaluating detectors of anomalies: how many rows they point at, and whether those are the known ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.curves import pr_curve, roc_curve
from skyulf_core.evaluation.result import Evaluation, finite
from skyulf_core.problems import DataError

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label

ANOMALY = -1
_QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
_BINS = 30


def evaluate_anomaly(
    decisions: NDArray[np.float64],
    predicted: NDArray[np.int64],
    *,
    reference: Sequence[Label | None] | None = None,
) -> Evaluation:
    """Judge decisions (below 0: an anomaly) and predictions (-1: an anomaly, 1: none).

    `anomaly_share` is the share of the rows pointed at; details: the quantiles and histogram of the decisions. With a
    `reference` of two labels (None where one is not known) `roc_auc` and `pr_auc` say how well decisions put the
    known anomalies first, and the details hold `anomaly_label`, the curves and `confusion_matrix` (rows: known,
    columns: found; the anomalies first). Known anomalies are -1 beside 1, true beside false, 1 beside 0, else the rarer
    label. Raises DataError where there are no rows.
    """
    if not len(decisions):
        raise DataError("there are no rows to evaluate on", reason="no-rows")
    metrics = {"anomaly_share": float((predicted == ANOMALY).mean())}
    apart = float(np.ptp(decisions)) > 1e-9 * max(1.0, float(np.abs(decisions).max()))
    counts, edges = np.histogram(decisions, bins=_BINS if apart else 1)
    quantiles = np.quantile(decisions, _QUANTILES).tolist()
    details: dict[str, JsonValue] = {
        "scores": {
            "quantiles": {str(q): value for q, value in zip(_QUANTILES, quantiles, strict=True)},
            "histogram": cast("JsonValue", {"counts": counts.tolist(), "edges": edges.tolist()}),
        }
    }
    known = None if reference is None else _known_anomalies(reference)
    if known is not None:
        label, rows, anomalies = known
        found, more = _agreement(decisions[rows], predicted[rows] == ANOMALY, anomalies)
        metrics, details = metrics | found, {**details, "anomaly_label": label, **more}
    return Evaluation("anomaly", len(decisions), finite(metrics), details)


def _known_anomalies(
    reference: Sequence[Label | None],
) -> tuple[Label, NDArray[np.int64], NDArray[np.bool_]] | None:
    """Return the label of anomalies, the rows that have a label, and which of them are anomalies; None unless two."""
    rows = np.array([row for row, label in enumerate(reference) if label is not None], np.int64)
    labels = [label for label in reference if label is not None]
    kinds = sorted(set(labels), key=str)
    if len(kinds) != 2:
        return None
    if set(kinds) == {-1, 1}:
        anomaly: Label = next(kind for kind in kinds if kind == -1)
    elif set(kinds) == {0, 1}:
        anomaly = next(kind for kind in kinds if kind == 1)
    else:
        anomaly = min(kinds, key=labels.count)
    return anomaly, rows, np.array([label == anomaly for label in labels])


def _agreement(
    decisions: NDArray[np.float64], found: NDArray[np.bool_], anomalies: NDArray[np.bool_]
) -> tuple[dict[str, float], dict[str, JsonValue]]:
    ones = np.ones(len(decisions))
    roc, pr = roc_curve(anomalies, -decisions, ones), pr_curve(anomalies, -decisions, ones)
    matrix = [
        [int(((anomalies == known) & (found == said)).sum()) for said in (True, False)] for known in (True, False)
    ]
    metrics = {"roc_auc": cast("float", roc["auc"]), "pr_auc": cast("float", pr["average_precision"])}
    return metrics, {"confusion_matrix": cast("JsonValue", matrix), "roc_curves": [roc], "pr_curves": [pr]}
