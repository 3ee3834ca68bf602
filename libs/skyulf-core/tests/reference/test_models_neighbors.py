"""Nearest neighbours against scikit-learn on real data."""

import model_reference as real
import numpy as np
import polars as pl
import pytest
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from skyulf_core import DataError, NodeRegistry

# with its trees scikit-learn finds a row itself at distance 0; with products of matrices, at the size of rounding
CONFIGS = [
    {},
    {"n_neighbors": 11, "weights": "distance"},
    {"n_neighbors": 3, "metric": "manhattan"},
    {"n_neighbors": 4, "p": 3.0, "weights": "distance"},
    {"n_neighbors": 6, "metric": "chebyshev"},
]


def _without_ties(data):
    """Real data, moved by a millionth: of rows at one distance scikit-learn takes what its heap leaves."""
    frame, target = real.scaled(data)
    noise = np.random.default_rng(0).normal(0.0, 1e-6, frame.shape)
    return pl.DataFrame(frame.to_numpy() + noise, schema=frame.columns), target


def _estimator(kind, config):
    by_distance = config.get("weights") == "distance"
    return kind(**config, algorithm="kd_tree" if by_distance else "brute")


@pytest.mark.compares("k_neighbors_classifier")
@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("data", real.CLASSIFICATION)
def test_the_classes_of_neighbours_are_scikit_learns(data, config, tmp_path):
    frame, target = _without_ties(real.CLASSIFICATION[data]())

    real.check_model(
        "k_neighbors_classifier", config, _estimator(KNeighborsClassifier, config), frame, target, tmp_path=tmp_path
    )


@pytest.mark.compares("k_neighbors_regressor")
@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("data", real.REGRESSION)
def test_the_means_of_neighbours_are_scikit_learns(data, config, tmp_path):
    frame, target = _without_ties(real.REGRESSION[data]())

    real.check_model(
        "k_neighbors_regressor", config, _estimator(KNeighborsRegressor, config), frame, target, tmp_path=tmp_path
    )


@pytest.mark.compares("k_neighbors_classifier", "k_neighbors_regressor")
@pytest.mark.parametrize("name", ["k_neighbors_classifier", "k_neighbors_regressor"])
def test_of_rows_at_the_same_distance_the_first_is_nearest(name):
    frame = pl.DataFrame({"a": [1.0, -1.0, 1.0, -1.0, 5.0]})
    target = np.array([1, 0, 0, 0, 0]) if name.endswith("classifier") else np.array([1.0, 0.0, 0.0, 0.0, 0.0])

    answers = _answers(name, frame, target, pl.DataFrame({"a": [0.0, 0.9]}), n_neighbors=1)

    assert answers == [1, 1]


@pytest.mark.parametrize("name", ["k_neighbors_classifier", "k_neighbors_regressor"])
def test_more_neighbours_than_rows_are_refused(name):
    with pytest.raises(DataError, match="n_neighbors of at most 3"):
        _answers(name, pl.DataFrame({"a": [1.0, 2.0, 3.0]}), np.array([0, 1, 1]), pl.DataFrame({"a": [0.0]}))


def test_more_rows_than_a_model_may_keep_are_refused():
    frame = pl.DataFrame({f"f{i}": np.zeros(200_001) for i in range(100)})

    with pytest.raises(DataError, match="train on fewer rows") as caught:
        _answers("k_neighbors_regressor", frame, np.zeros(200_001), frame)

    assert caught.value.reason == "too-large"


def test_values_without_a_distance_are_refused_by_row_and_batch():
    frame, target = pl.DataFrame({"a": [0.0, 1.0, 2.0]}), np.array([0.0, 1.0, 2.0])

    with pytest.raises(DataError, match="so large") as caught:
        _answers("k_neighbors_regressor", frame, target, pl.DataFrame({"a": [0.0, 1e300]}), n_neighbors=2)

    assert caught.value.reason == "out_of_range"


def _answers(name, frame, target, rows, **config):
    entry = NodeRegistry.get(name)
    params = entry.calculator.fit(frame, target, entry.config_model(**config))
    return entry.applier.predict(rows, params).tolist()
