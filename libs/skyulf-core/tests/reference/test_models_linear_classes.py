"""Linear models of classes against scikit-learn's, on real data: library, bundle and serving plan."""

import numpy as np
import polars as pl
import pytest
from model_reference import CLASSIFICATION, TARGET, check_model, scaled, uneven_weights, wine
from sklearn.linear_model import LogisticRegression, SGDClassifier
from skyulf_core import NotFittedError, Pipeline
from skyulf_core.nodes.registry import NodeRegistry

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning"),
]

LOGISTIC = [
    {},
    {"solver": "newton-cholesky", "C": 0.1},
    {"solver": "saga", "l1_ratio": 0.5, "max_iter": 30},
    {"class_weight": "balanced", "fit_intercept": False},
]
SGD = [
    {},
    {"loss": "log_loss"},
    {"loss": "modified_huber"},
    {"loss": "log_loss", "penalty": "elasticnet", "average": True},
    {"loss": "squared_hinge", "learning_rate": "invscaling", "eta0": 1e-3, "class_weight": "balanced"},
    {"loss": "hinge", "learning_rate": "pa1", "eta0": 1.0, "early_stopping": True},
    {"loss": "huber", "epsilon": 0.5, "penalty": None, "tol": None, "max_iter": 5, "average": 10},
]


@pytest.mark.compares("logistic_regression")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("data", CLASSIFICATION)
@pytest.mark.parametrize("config", LOGISTIC, ids=str)
def test_logistic_regression_equals_scikit_learn(config, data, weighted, tmp_path):
    frame, target = scaled(CLASSIFICATION[data]())

    check_model(
        "logistic_regression", config, LogisticRegression(random_state=0, **config), frame, target,
        tmp_path=tmp_path, weights=uneven_weights(len(target)) if weighted else None,
    )  # fmt: skip


@pytest.mark.compares("sgd_classifier")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("data", CLASSIFICATION)
@pytest.mark.parametrize("config", SGD, ids=str)
def test_stochastic_gradient_descent_equals_scikit_learn(config, data, weighted, tmp_path):
    frame, target = scaled(CLASSIFICATION[data]())
    config = {"max_iter": 30, "random_state": 3, **config}

    check_model(
        "sgd_classifier", config, SGDClassifier(**config), frame, target,
        tmp_path=tmp_path, weights=uneven_weights(len(target)) if weighted else None,
    )  # fmt: skip


def test_a_classifier_by_scores_has_labels_and_no_probabilities():
    frame, target = scaled(wine())
    steps = [{"node": "TrainTestSplit", "config": {"target": TARGET}}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "sgd_classifier"}})

    pipeline.fit(frame.with_columns(pl.Series(TARGET, target)))

    assert pipeline.evaluate().metrics["accuracy"] > 0.9
    assert "log_loss" not in pipeline.evaluate().metrics
    with pytest.raises(NotFittedError, match="sgd_classifier as configured has no probabilities"):
        pipeline.predict_proba(frame)


@pytest.mark.parametrize("loss", ["log_loss", "modified_huber"])
def test_rows_that_no_class_wants_are_shared_out(loss):
    frame, target = scaled(wine())
    entry = NodeRegistry.get("sgd_classifier")
    far = frame.head(1).select(pl.all() * 1e5)

    params = entry.calculator.fit(frame, target, entry.config_model(loss=loss))

    for rows in (far, far.select(-pl.all())):
        assert entry.applier.predict_proba(rows, params).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("config", [{"learning_rate": "pa1", "loss": "log_loss"}, {"alpha": 0}, {"average": -1}])
def test_values_that_cannot_work_are_refused_before_training(config):
    with pytest.raises(ValueError, match="validation error"):
        NodeRegistry.get("sgd_classifier").config_model(**config)


@pytest.mark.parametrize(
    ("name", "estimator"), [("sgd_classifier", SGDClassifier), ("logistic_regression", LogisticRegression)]
)
def test_defaults_and_names_are_those_of_scikit_learn(name, estimator):
    defaults = estimator().get_params()

    for field, info in NodeRegistry.get(name).config_model.model_fields.items():
        assert info.default == (0 if field == "random_state" else defaults[field]), field


@pytest.mark.parametrize("link", ["one_vs_rest", "clipped"])
def test_shares_are_the_same_for_all_where_no_class_has_any(link):
    from skyulf_core.serving.ops.links import LINKS, link_batch

    scores = np.array([[-5e3, -5e3, -5e3], [5e3, 5e3, -5e3], [0.0, 0.0, 0.0]])

    assert np.allclose(link_batch(link, scores), [[1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    assert LINKS[link](scores[1].tolist()) == link_batch(link, scores)[1].tolist()
