"""Evaluating clusterings: how far apart the clusters lie, and how they agree with labels that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.result import Evaluation, finite
from skyulf_core.problems import DataError

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Label

NOISE = -1
SILHOUETTE_ROWS = 5_000
"""Of more rows than these, so many drawn ones: a silhouette takes the distances of all pairs."""
_MOST_LABELS = 50
_MOST_CLUSTERS = 200


def evaluate_clustering(
    rows: NDArray[np.float64],
    clusters: NDArray[np.int64],
    *,
    names: Sequence[str],
    reference: Sequence[Label | None] | None = None,
) -> Evaluation:
    """Judge clusters of `rows` (rows x features, `names`); -1 is no cluster.

    `silhouette` (-1 to 1), `calinski_harabasz` and `davies_bouldin` (lower is better) look at the rows in clusters, in
    the scale of the features; they are left out where there are fewer than two clusters, or no two rows in one.
    `clusters` and `noise_share` are counts. With `reference` (labels, None where one is not known)
    `adjusted_rand` and `nmi` say how far both agree, rows in no cluster being one more cluster. Details: the size and
    centroid of the largest clusters, and `cross_table` (rows: the most frequent labels, columns: those clusters).
    Raises DataError where there are no rows.
    """
    if not len(clusters):
        raise DataError("there are no rows to evaluate on", reason="no-rows")
    within = clusters != NOISE
    metrics = _apart(rows[within], clusters[within])
    metrics["clusters"], metrics["noise_share"] = float(len(np.unique(clusters[within]))), float((~within).mean())
    numbers, counts = np.unique(clusters, return_counts=True)
    largest = np.sort(numbers[np.argsort(-counts, kind="stable")[:_MOST_CLUSTERS]])
    details: dict[str, JsonValue] = {
        "features": cast("JsonValue", list(names)),
        "clusters": [_cluster(int(number), rows, clusters) for number in largest],
    }
    if reference is not None:
        agreement, table = _agreement(clusters, reference, largest)
        metrics, details = metrics | agreement, details | table
    return Evaluation("clustering", len(clusters), finite(metrics), details)


def _apart(rows: NDArray[np.float64], clusters: NDArray[np.int64]) -> dict[str, float]:
    from sklearn import metrics as sk  # imported here: reading an evaluation back needs none of it

    if not 2 <= len(np.unique(clusters)) < len(clusters):
        return {}
    drawn = np.arange(len(rows))
    if len(rows) > SILHOUETTE_ROWS:
        drawn = np.random.default_rng(0).choice(len(rows), SILHOUETTE_ROWS, replace=False)
    sampled = 2 <= len(np.unique(clusters[drawn])) < len(drawn)
    return {
        "silhouette": float(sk.silhouette_score(rows[drawn], clusters[drawn])) if sampled else np.nan,
        "calinski_harabasz": float(sk.calinski_harabasz_score(rows, clusters)),
        "davies_bouldin": float(sk.davies_bouldin_score(rows, clusters)),
    }


def _cluster(number: int, rows: NDArray[np.float64], clusters: NDArray[np.int64]) -> JsonValue:
    members = rows[clusters == number]
    centroid = cast("JsonValue", members.mean(axis=0).tolist())
    return {"cluster": number, "rows": len(members), "share": len(members) / len(rows), "centroid": centroid}


def _agreement(
    clusters: NDArray[np.int64], reference: Sequence[Label | None], largest: NDArray[np.int64]
) -> tuple[dict[str, float], dict[str, JsonValue]]:
    from sklearn import metrics as sk

    known = np.array([label is not None for label in reference])
    if not known.any():
        return {}, {}
    labels = sorted({label for label in reference if label is not None}, key=_order)
    place = {label: code for code, label in enumerate(labels)}
    codes = np.array([place[label] for label in reference if label is not None])
    found = clusters[known]
    scores: dict[str, Callable[..., float]] = {
        "adjusted_rand": sk.adjusted_rand_score,
        "nmi": sk.normalized_mutual_info_score,
    }
    frequent = np.sort(np.argsort(-np.bincount(codes), kind="stable")[:_MOST_LABELS])
    counts = [[int(((codes == code) & (found == number)).sum()) for number in largest] for code in frequent]
    table: JsonValue = {
        "reference": cast("JsonValue", [labels[code] for code in frequent]),
        "clusters": cast("JsonValue", largest.tolist()),
        "counts": cast("JsonValue", counts),
    }
    return {name: float(score(codes, found)) for name, score in scores.items()}, {"cross_table": table}


def _order(label: Label) -> tuple[str, Label]:
    """Sort labels of one type by value, those of others by the names of their types."""
    return ("number" if isinstance(label, bool | int | float) else "text"), label
