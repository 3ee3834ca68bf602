"""Histogram gradient boosting against scikit-learn's, on real data with nulls: library, bundle and serving plan."""

import numpy as np
import pytest
from model_reference import CLASSIFICATION, REGRESSION, check_model, uneven_weights
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

CLASSES = [
    {"max_iter": 6},
    {"max_iter": 5, "max_leaf_nodes": 5, "class_weight": "balanced", "max_features": 0.5, "l2_regularization": 1.0},
    {"max_iter": 20, "early_stopping": True, "n_iter_no_change": 3, "validation_fraction": 0.3},
]
NUMBERS = [
    {"max_iter": 6},
    {"max_iter": 6, "loss": "poisson", "max_depth": 3},
    {"max_iter": 6, "loss": "gamma", "learning_rate": 0.3},
    {"max_iter": 6, "loss": "quantile", "quantile": 0.9},
    {"max_iter": 6, "loss": "absolute_error", "min_samples_leaf": 5},
    {"max_iter": 20, "early_stopping": True, "n_iter_no_change": 3},
]
ROWS = [(False, False), (True, True)]
# scikit-learn looks for every border of a bin by itself where rows have weights: with all 255 that takes seconds
QUICK = {"max_bins": 20, "random_state": 2}


def given(weighted, target):
    return uneven_weights(len(target)) if weighted else None


@pytest.mark.compares("hist_gradient_boosting_classifier")
@pytest.mark.parametrize(("nulls", "weighted"), ROWS, ids=["", "nulls, weighted"])
@pytest.mark.parametrize("data", ["breast_cancer", "wine", "penguins"])
@pytest.mark.parametrize("config", CLASSES, ids=str)
def test_boosted_classes_equal_scikit_learn(config, data, nulls, weighted, tmp_path):
    frame, target = CLASSIFICATION[data](nulls=nulls)
    config = QUICK | config

    check_model(
        "hist_gradient_boosting_classifier", config, HistGradientBoostingClassifier(**config), frame, target,
        tmp_path=tmp_path, weights=given(weighted, target),
    )  # fmt: skip


@pytest.mark.compares("hist_gradient_boosting_regressor")
@pytest.mark.parametrize(("nulls", "weighted"), ROWS, ids=["", "nulls, weighted"])
@pytest.mark.parametrize("data", REGRESSION)
@pytest.mark.parametrize("config", NUMBERS, ids=str)
def test_boosted_numbers_equal_scikit_learn(config, data, nulls, weighted, tmp_path):
    frame, target = REGRESSION[data](nulls=nulls)
    config = QUICK | config

    check_model(
        "hist_gradient_boosting_regressor", config, HistGradientBoostingRegressor(**config), frame, target,
        tmp_path=tmp_path, weights=given(weighted, target),
    )  # fmt: skip


def test_ten_classes_of_digits_equal_scikit_learn(tmp_path):
    frame, target = CLASSIFICATION["digits"](nulls=True)
    config = {"max_iter": 5, "random_state": 2}

    params = check_model(
        "hist_gradient_boosting_classifier", config, HistGradientBoostingClassifier(**config), frame, target,
        tmp_path=tmp_path,
    )  # fmt: skip

    assert len(np.unique(params.array("tree_output"))) == 10
