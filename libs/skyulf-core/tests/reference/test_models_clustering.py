"""Clusterings beside scikit-learn's, on real data."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from model_reference import breast_cancer, digits, iris, penguins, scaled, uneven_weights, whole_weights, wine
from sklearn.cluster import HDBSCAN, Birch, KMeans, MiniBatchKMeans
from sklearn.mixture import GaussianMixture
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from unsupervised_reference import check_unsupervised

SETS = {"breast_cancer": breast_cancer, "wine": wine, "digits": digits, "penguins": penguins, "iris": iris}


def rows_of(name: str) -> pl.DataFrame:
    """Features of a set, at mean 0 and deviation 1."""
    return scaled(SETS[name]())[0]


@pytest.mark.compares("kmeans")
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits", "penguins"])
@pytest.mark.parametrize("weigh", [None, whole_weights, uneven_weights])
def test_kmeans(data: str, weigh: object, tmp_path: Path) -> None:
    frame = rows_of(data)
    weights = weigh(frame.height) if callable(weigh) else None
    config = {"n_clusters": 4, "random_state": 3}
    check_unsupervised("kmeans", config, KMeans(**config), frame, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("kmeans")
def test_kmeans_of_another_kind(tmp_path: Path) -> None:
    config = {"n_clusters": 7, "init": "random", "n_init": 3, "algorithm": "elkan", "tol": 0.0, "random_state": 0}
    check_unsupervised("kmeans", config, KMeans(**config), rows_of("wine"), tmp_path=tmp_path)


@pytest.mark.compares("minibatch_kmeans")
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits"])
@pytest.mark.parametrize("weigh", [None, uneven_weights])
def test_minibatch_kmeans(data: str, weigh: object, tmp_path: Path) -> None:
    frame = rows_of(data)
    weights = weigh(frame.height) if callable(weigh) else None
    config = {"n_clusters": 5, "batch_size": 64, "random_state": 1}
    check_unsupervised("minibatch_kmeans", config, MiniBatchKMeans(**config), frame, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("gaussian_mixture")
@pytest.mark.parametrize("data", ["iris", "wine", "penguins"])
@pytest.mark.parametrize("kind", ["full", "tied", "diag", "spherical"])
def test_gaussian_mixture(data: str, kind: str, tmp_path: Path) -> None:
    config = {"n_components": 3, "covariance_type": kind, "reg_covar": 1e-3, "random_state": 2}
    check_unsupervised("gaussian_mixture", config, GaussianMixture(**config), rows_of(data), tmp_path=tmp_path)


@pytest.mark.compares("gaussian_mixture")
def test_gaussian_mixture_of_one(tmp_path: Path) -> None:
    config = {"n_components": 1, "random_state": 0}
    check_unsupervised("gaussian_mixture", config, GaussianMixture(**config), rows_of("iris"), tmp_path=tmp_path)


@pytest.mark.compares("birch")
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits", "penguins"])
@pytest.mark.parametrize("config", [{"n_clusters": 4}, {"n_clusters": None, "threshold": 2.0, "branching_factor": 10}])
def test_birch(data: str, config: dict[str, object], tmp_path: Path) -> None:
    check_unsupervised("birch", config, Birch(**config), rows_of(data), tmp_path=tmp_path)


@pytest.mark.compares("hdbscan")
@pytest.mark.parametrize("data", ["wine", "digits", "penguins", "iris"])
@pytest.mark.parametrize(
    "config",
    [
        {"min_cluster_size": 8},
        {"min_cluster_size": 5, "min_samples": 3, "metric": "manhattan", "cluster_selection_method": "leaf"},
        {"min_cluster_size": 6, "metric": "chebyshev", "allow_single_cluster": True, "alpha": 1.2},
    ],
)
def test_hdbscan(data: str, config: dict[str, object], tmp_path: Path) -> None:
    check_unsupervised("hdbscan", config, HDBSCAN(**config, copy=True), rows_of(data), tmp_path=tmp_path)


@pytest.mark.compares("hdbscan")
def test_a_new_row_is_in_the_cluster_of_the_nearest_row_or_in_none() -> None:
    entry = NodeRegistry.get("hdbscan")
    frame = rows_of("iris")
    assert isinstance(entry.calculator, UnsupervisedCalculator)
    params = entry.calculator.learn(frame, entry.config_model.model_validate({"min_cluster_size": 10}))
    new = frame.select(pl.all() + 0.05).vstack(frame.head(1).select(pl.all() + 30.0))

    found = entry.applier.predict(new, params)  # type: ignore[union-attr,arg-type]

    rows, cores = frame.to_numpy(), np.zeros(frame.height)
    apart = np.sqrt(((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2))
    cores = np.sort(apart, axis=1)[:, 9]
    labels = HDBSCAN(min_cluster_size=10, copy=True).fit(rows).labels_
    wanted = []
    for row in new.to_numpy():
        distance = np.sqrt(((rows - row) ** 2).sum(axis=1))
        label = labels[distance.argmin()]
        inside = label >= 0 and distance.min() <= cores[labels == label].max()
        wanted.append(int(label) if inside else -1)
    assert found.tolist() == wanted
    assert {-1, 0} < set(wanted)
