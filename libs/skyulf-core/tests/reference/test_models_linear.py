"""Linear models against scikit-learn's, on real data: library, bundle and serving plan."""

import numpy as np
import polars as pl
import pytest
from model_reference import REGRESSION, check_model, diabetes, scaled, uneven_weights
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    TweedieRegressor,
)
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning"),
]

REGRESSIONS = {
    "linear_regression": (LinearRegression, [{}, {"positive": True}, {"fit_intercept": False}]),
    "ridge_regression": (Ridge, [{}, {"alpha": 10.0, "solver": "svd"}, {"positive": True}]),
    "lasso_regression": (Lasso, [{}, {"alpha": 0.01, "positive": True}, {"selection": "random", "random_state": 3}]),
    "elasticnet_regression": (
        ElasticNet,
        [{}, {"alpha": 0.1, "l1_ratio": 0.9}, {"selection": "random", "random_state": 3, "fit_intercept": False}],
    ),
    "huber_regression": (HuberRegressor, [{}, {"epsilon": 1.1, "alpha": 0.5}, {"fit_intercept": False}]),
    "quantile_regression": (
        QuantileRegressor,
        [{"alpha": 0.0}, {"quantile": 0.9, "alpha": 0.01, "solver": "highs-ds"}],
    ),
    "poisson_regression": (PoissonRegressor, [{}, {"solver": "newton-cholesky"}, {"fit_intercept": False}]),
    "tweedie_regression": (
        TweedieRegressor,
        [
            {}, {"power": 1.5}, {"power": 2.0, "solver": "newton-cholesky"}, {"link": "log"},
            {"power": 3.0, "alpha": 0.1, "fit_intercept": False},
        ],
    ),
}  # fmt: skip
CASES = [(name, config) for name, (_, configs) in REGRESSIONS.items() for config in configs]


@pytest.mark.compares(
    "linear_regression", "ridge_regression", "lasso_regression", "elasticnet_regression", "huber_regression",
    "quantile_regression", "poisson_regression", "tweedie_regression",
)  # fmt: skip
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("data", REGRESSION)
@pytest.mark.parametrize(("name", "config"), CASES, ids=str)
def test_linear_regressions_equal_scikit_learn(name, config, data, weighted, tmp_path):
    frame, target = scaled(REGRESSION[data]())

    check_model(
        name, config, REGRESSIONS[name][0](**config), frame, target,
        tmp_path=tmp_path, weights=uneven_weights(len(target)) if weighted else None,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["linear_regression", "ridge_regression", "lasso_regression", "elasticnet_regression"])
def test_columns_of_very_unlike_scale_give_the_same_answers(name, tmp_path):
    frame, target = diabetes()
    frame = frame.with_columns(pl.col("f0") * 1e6 + 1e7, pl.col("f3") * 1e-6)

    check_model(name, {}, REGRESSIONS[name][0](), frame, target, tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("name", "config", "value"),
    [
        ("poisson_regression", {}, -1.0),
        ("tweedie_regression", {"power": 1.5}, -1.0),
        ("tweedie_regression", {"power": 2.0}, 0.0),
    ],
)
def test_a_target_that_the_distribution_does_not_have_is_refused(name, config, value):
    frame, entry = pl.DataFrame({"a": [1.0, 2.0, 3.0]}), NodeRegistry.get(name)

    with pytest.raises(DataError, match="in 1 rows") as caught:
        entry.calculator.fit(frame, np.array([1.0, value, 2.0]), entry.config_model(**config))

    assert caught.value.reason == "out-of-range"


def test_a_power_without_a_distribution_is_refused():
    with pytest.raises(ValueError, match="no distribution"):
        NodeRegistry.get("tweedie_regression").config_model(power=0.5)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_defaults_and_names_are_those_of_scikit_learn(name):
    entry = NodeRegistry.get(name)
    defaults = REGRESSIONS[name][0]().get_params()

    for field, info in entry.config_model.model_fields.items():
        assert info.default == (0 if field == "random_state" else defaults[field]), field
