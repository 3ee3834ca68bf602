"""Detectors of anomalies beside scikit-learn's, on real data."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from model_reference import Data, breast_cancer, digits, iris, penguins, scaled, uneven_weights, whole_weights, wine
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor
from skyulf_core.models.isolation_forest import IsolationForestConfig
from unsupervised_reference import check_unsupervised

SETS = {"breast_cancer": breast_cancer, "wine": wine, "digits": digits, "penguins": penguins, "iris": iris}


def set_of(name: str, *, nulls: bool = False) -> Data:
    """Rows of a set."""
    return SETS[name](nulls=nulls)


@pytest.mark.compares("isolation_forest")
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits", "penguins"])
@pytest.mark.parametrize("nulls", [False, True])
@pytest.mark.parametrize("weigh", [None, uneven_weights])
def test_isolation_forest(data: str, nulls: bool, weigh: object, tmp_path: Path) -> None:
    frame = set_of(data, nulls=nulls)[0]
    weights = weigh(frame.height) if callable(weigh) else None
    config = {"n_estimators": 25, "random_state": 3}
    check_unsupervised("isolation_forest", config, IsolationForest(**config), frame, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("isolation_forest")
@pytest.mark.parametrize(
    "config",
    [
        {"contamination": 0.1, "n_estimators": 20, "random_state": 0},
        {"contamination": 0.25, "max_samples": 0.5, "max_features": 0.4, "n_estimators": 20, "random_state": 1},
        {"max_samples": 50, "max_features": 3, "bootstrap": True, "n_estimators": 20, "random_state": 2},
        {"max_samples": 2, "n_estimators": 5, "random_state": 2},
    ],
)
def test_isolation_forest_of_another_kind(config: dict[str, object], tmp_path: Path) -> None:
    frame, _ = wine()
    check_unsupervised("isolation_forest", config, IsolationForest(**config), frame, tmp_path=tmp_path)
    weights = whole_weights(frame.height)
    config = {**config, "bootstrap": True}
    check_unsupervised("isolation_forest", config, IsolationForest(**config), frame, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("isolation_forest")
def test_one_row_is_isolated_at_once(tmp_path: Path) -> None:
    frame = wine()[0].head(1)
    config = {"n_estimators": 3, "random_state": 0}
    check_unsupervised("isolation_forest", config, IsolationForest(**config), frame, tmp_path=tmp_path)


def test_a_share_of_one_is_not_one_row() -> None:
    found = IsolationForestConfig.model_validate_json('{"max_samples": 1, "max_features": 1}')

    assert (found.max_samples, found.max_features) == (1.0, 1.0)
    assert isinstance(found.max_samples, float)
    assert isinstance(found.max_features, float)


@pytest.mark.compares("local_outlier_factor")
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "digits", "penguins"])
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"n_neighbors": 7, "contamination": 0.1, "metric": "manhattan"},
        {"n_neighbors": 12, "metric": "chebyshev"},
    ],
)
def test_local_outlier_factor(data: str, config: dict[str, object], tmp_path: Path) -> None:
    frame, _ = scaled(set_of(data))
    if config.get("metric") == "chebyshev":  # many rows are equally far; of those scikit-learn takes any
        shaken = frame.to_numpy() + np.random.default_rng(1).normal(0.0, 0.01, frame.shape)
        frame = pl.DataFrame(shaken, schema=frame.columns)
    reference = LocalOutlierFactor(**{"metric": "euclidean", **config}, novelty=True)
    check_unsupervised("local_outlier_factor", config, reference, frame, tmp_path=tmp_path)


@pytest.mark.compares("local_outlier_factor")
def test_more_neighbours_than_rows_are_all_of_them(tmp_path: Path) -> None:
    frame, _ = scaled(iris())
    few = frame.head(15)
    reference = LocalOutlierFactor(n_neighbors=14, novelty=True)
    check_unsupervised("local_outlier_factor", {"n_neighbors": 100}, reference, few, tmp_path=tmp_path)
