"""Neural networks against scikit-learn on real data: the same weights, step by step."""

import model_reference as real
import numpy as np
import polars as pl
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from skyulf_core import DataError, NodeRegistry

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning"),
]

CONFIGS = [
    {"hidden_layer_sizes": (20,), "max_iter": 30, "random_state": 3},
    {"hidden_layer_sizes": (12, 7), "activation": "tanh", "solver": "lbfgs", "max_iter": 15, "random_state": 1},
    {"hidden_layer_sizes": (9,), "activation": "logistic", "early_stopping": True, "max_iter": 40, "random_state": 0,
     "n_iter_no_change": 3},
    {"hidden_layer_sizes": (), "solver": "sgd", "learning_rate": "adaptive", "max_iter": 20, "random_state": 5,
     "learning_rate_init": 1e-4},
]  # fmt: skip


def _weights(weighted, rows):
    return real.uneven_weights(rows) if weighted else None


@pytest.mark.compares("mlp_classifier")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("data", real.CLASSIFICATION)
def test_networks_for_classes_are_scikit_learns(data, config, weighted, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    weights = _weights(weighted, frame.height)

    real.check_model(
        "mlp_classifier", config, MLPClassifier(**config), frame, target, tmp_path=tmp_path, weights=weights
    )


@pytest.mark.compares("mlp_regressor")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("config", [*CONFIGS, {**CONFIGS[0], "loss": "poisson"}], ids=str)
@pytest.mark.parametrize("data", real.REGRESSION)
def test_networks_for_numbers_are_scikit_learns(data, config, weighted, tmp_path):
    frame, target = real.scaled(real.REGRESSION[data]())
    target, weights = target / target.mean(), _weights(weighted, frame.height)

    real.check_model("mlp_regressor", config, MLPRegressor(**config), frame, target, tmp_path=tmp_path, weights=weights)


def test_early_stopping_ends_before_the_last_iteration():
    frame, target = real.scaled(real.wine())
    entry = NodeRegistry.get("mlp_classifier")
    config = entry.config_model(early_stopping=True, n_iter_no_change=2, max_iter=500)

    params = entry.calculator.fit(frame, target.astype(np.int64), config)

    assert params["n_iter"] < 100


def test_a_target_below_0_is_refused_for_counts():
    entry = NodeRegistry.get("mlp_regressor")

    with pytest.raises(DataError, match="below 0"):
        entry.calculator.fit(
            pl.DataFrame({"a": [1.0, 2.0]}), np.array([-1.0, 2.0]), entry.config_model(loss="poisson", max_iter=2)
        )
