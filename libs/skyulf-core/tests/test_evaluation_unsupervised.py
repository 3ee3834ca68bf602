"""Judging clusters and decisions about anomalies."""

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_wine
from skyulf_core import DataError
from skyulf_core.evaluation import evaluate_anomaly, evaluate_clustering

ROWS, KINDS = load_wine(return_X_y=True)
CLUSTERS = np.digitize(ROWS[:, -1], [500.0, 900.0]).astype(np.int64)
NAMES = [f"f{i}" for i in range(13)]


def test_clusters_are_judged_as_scikit_learn_does() -> None:
    found = evaluate_clustering(ROWS, CLUSTERS, names=NAMES, reference=KINDS.tolist())

    assert found.metrics == pytest.approx(
        {
            "silhouette": sk.silhouette_score(ROWS, CLUSTERS),
            "calinski_harabasz": sk.calinski_harabasz_score(ROWS, CLUSTERS),
            "davies_bouldin": sk.davies_bouldin_score(ROWS, CLUSTERS),
            "clusters": 3.0,
            "noise_share": 0.0,
            "adjusted_rand": sk.adjusted_rand_score(KINDS, CLUSTERS),
            "nmi": sk.normalized_mutual_info_score(KINDS, CLUSTERS),
        }
    )
    assert found.details["cross_table"]["counts"] == [  # type: ignore[index,call-overload]
        [int(((kind == KINDS) & (cluster == CLUSTERS)).sum()) for cluster in range(3)] for kind in range(3)
    ]
    first = found.details["clusters"][0]  # type: ignore[index]
    assert first["rows"] == int((CLUSTERS == 0).sum())  # type: ignore[index,call-overload]
    assert first["centroid"] == pytest.approx(ROWS[CLUSTERS == 0].mean(axis=0))  # type: ignore[index,call-overload]


def test_rows_in_no_cluster_count_as_noise_alone() -> None:
    clusters = np.where(np.arange(178) % 5 == 0, -1, CLUSTERS)

    found = evaluate_clustering(ROWS, clusters, names=NAMES)

    within = clusters >= 0
    assert found.metrics["silhouette"] == pytest.approx(sk.silhouette_score(ROWS[within], clusters[within]))
    assert found.metrics["noise_share"] == pytest.approx(36 / 178)
    assert found.metrics["clusters"] == 3


@pytest.mark.parametrize("clusters", [np.zeros(178, np.int64), np.full(178, -1), np.arange(178)])
def test_what_is_undefined_is_left_out(clusters: np.ndarray) -> None:
    found = evaluate_clustering(ROWS, clusters, names=NAMES, reference=[None] * 178)

    assert set(found.metrics) == {"clusters", "noise_share"}
    assert len(found.details["clusters"]) <= 200  # type: ignore[arg-type]


def test_a_silhouette_of_many_rows_is_that_of_some() -> None:
    draw = np.random.default_rng(0)
    clusters = draw.integers(0, 3, 20_000)
    rows = clusters[:, None] * 3.0 + draw.normal(size=(20_000, 2))

    found = evaluate_clustering(rows, clusters, names=["a", "b"])

    part = draw.choice(20_000, 4_000, replace=False)
    assert found.metrics["silhouette"] == pytest.approx(sk.silhouette_score(rows[part], clusters[part]), abs=0.02)


def test_decisions_are_judged_as_scikit_learn_does() -> None:
    draw = np.random.default_rng(0)
    known = draw.random(500) < 0.1
    decisions = draw.normal(size=500) - known
    predicted = np.where(decisions < 0, -1, 1)

    found = evaluate_anomaly(decisions, predicted, reference=["odd" if one else "normal" for one in known])

    assert found.metrics == pytest.approx(
        {
            "anomaly_share": float((decisions < 0).mean()),
            "roc_auc": sk.roc_auc_score(known, -decisions),
            "pr_auc": sk.average_precision_score(known, -decisions),
        }
    )
    assert found.details["anomaly_label"] == "odd"
    assert found.details["confusion_matrix"] == sk.confusion_matrix(known, decisions < 0, labels=[True, False]).tolist()
    quantiles = found.details["scores"]["quantiles"]  # type: ignore[index,call-overload]
    assert quantiles["0.5"] == pytest.approx(np.median(decisions))  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("labels", "anomaly"),
    [([-1, -1, 1], -1), ([True, True, False], True), ([1, 1, 0], 1), (["b", "a", "b"], "a"), ([7, 5, 5], 7)],
)
def test_which_label_is_the_anomaly(labels: list[bool | int | str], anomaly: object) -> None:
    found = evaluate_anomaly(np.array([-0.1, 0.2, 0.3]), np.array([-1, 1, 1]), reference=labels)

    assert found.details["anomaly_label"] == anomaly


@pytest.mark.parametrize("reference", [None, [None] * 3, ["a", "b", "c"], ["a", None, "a"]])
def test_without_two_labels_there_is_nothing_to_compare_with(reference: list[str | None] | None) -> None:
    found = evaluate_anomaly(np.zeros(3), np.ones(3, np.int64), reference=reference)

    assert set(found.metrics) == {"anomaly_share"}


def test_no_rows_are_refused() -> None:
    with pytest.raises(DataError, match="no rows"):
        evaluate_clustering(np.zeros((0, 2)), np.zeros(0, np.int64), names=["a", "b"])
    with pytest.raises(DataError, match="no rows"):
        evaluate_anomaly(np.zeros(0), np.zeros(0, np.int64))
