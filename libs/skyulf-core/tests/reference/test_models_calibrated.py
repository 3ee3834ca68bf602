"""Calibrated classifiers against scikit-learn on real data."""

import importlib

import model_reference as real
import numpy as np
import polars as pl
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from skyulf_core import DataError, InvalidConfigError, NodeRegistry, Pipeline
from skyulf_core.models._members import Member
from skyulf_core.tuning.space import SearchSpace

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning"),
]

BASES = {
    "logistic": ({"node": "logistic_regression"}, LogisticRegression()),
    "kernel": ({"node": "svc", "config": {"C": 2.0}}, SVC(C=2.0)),
    "forest": (
        {"node": "random_forest_classifier", "config": {"n_estimators": 12, "random_state": 3, "max_depth": 5}},
        RandomForestClassifier(12, random_state=3, max_depth=5),
    ),
    "boosting": (
        {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 5}},
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
    ),
}
UNWEIGHTED = ({"node": "k_neighbors_classifier"}, KNeighborsClassifier(algorithm="kd_tree"))


def _compare(base, config, data, tmp_path, weights=None):
    learner, estimator = base
    frame, target = data
    options = {key: value for key, value in config.items() if key != "estimator"}
    ours = {"estimator": learner, **options}
    reference = CalibratedClassifierCV(estimator, **options)
    return real.check_model("calibrated_classifier", ours, reference, frame, target, tmp_path=tmp_path, weights=weights)


# every pair of a model, a method, one model or several, and weights or none meets on some data
CASES = [
    ("breast_cancer", "logistic", "sigmoid", True, False), ("breast_cancer", "kernel", "isotonic", False, True),
    ("breast_cancer", "forest", "sigmoid", False, False), ("breast_cancer", "boosting", "isotonic", True, True),
    ("wine", "logistic", "isotonic", False, False), ("wine", "kernel", "sigmoid", True, True),
    ("wine", "forest", "isotonic", True, True), ("wine", "boosting", "sigmoid", False, False),
    ("penguins", "logistic", "sigmoid", False, True), ("penguins", "kernel", "isotonic", True, False),
    ("penguins", "forest", "isotonic", False, False), ("penguins", "boosting", "sigmoid", True, True),
]  # fmt: skip


@pytest.mark.compares("calibrated_classifier")
@pytest.mark.parametrize(("data", "base", "method", "ensemble", "weighted"), CASES)
def test_calibrated_probabilities_are_scikit_learns(data, base, method, ensemble, weighted, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    weights = real.uneven_weights(frame.height) if weighted else None

    _compare(BASES[base], {"method": method, "ensemble": ensemble, "cv": 3}, (frame, target), tmp_path, weights)


@pytest.mark.compares("calibrated_classifier")
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_model_that_takes_nulls_takes_them_calibrated(method, tmp_path):
    _compare(BASES["boosting"], {"method": method, "cv": 2}, real.penguins(nulls=True), tmp_path)


@pytest.mark.compares("calibrated_classifier")
@pytest.mark.parametrize("ensemble", [False, True], ids=["one", "ensemble"])
def test_ten_classes_of_neighbours_are_calibrated(ensemble, tmp_path):
    frame, target = real.digits()
    noise = np.random.default_rng(0).normal(0.0, 1e-6, frame.shape)
    frame = pl.DataFrame(frame.to_numpy() + noise, schema=frame.columns)

    _compare(UNWEIGHTED, {"method": "sigmoid", "ensemble": ensemble, "cv": 3}, (frame, target), tmp_path)


def test_no_row_is_calibrated_on_that_a_model_has_learned():
    """One neighbour knows every row that it has learned: calibrated on those, noise would be certain."""
    draw = np.random.default_rng(4)
    frame, target = pl.DataFrame(draw.normal(size=(400, 3)), schema=["a", "b", "c"]), draw.integers(0, 2, 400)
    config = {"estimator": {"node": "k_neighbors_classifier", "config": {"n_neighbors": 1}}, "ensemble": False}
    entry = NodeRegistry.get("calibrated_classifier")

    params = entry.calculator.fit(frame, target, entry.config_model(**config))

    found = entry.applier.predict_proba(frame, params)
    assert np.abs(found - 0.5).max() < 0.15


def test_weights_are_refused_where_the_model_has_no_use_for_them():
    frame, target = real.wine()
    entry = NodeRegistry.get("calibrated_classifier")
    config = entry.config_model(estimator=UNWEIGHTED[0])

    assert not entry.calculator.takes_weights(config)
    with pytest.raises(DataError, match="k_neighbors_classifier cannot weigh rows"):
        entry.calculator.fit(frame, target, config, weights=np.ones(frame.height))


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        ({"node": "svx"}, r"estimator: There is no node 'svx'. Did you mean 'sv.'\?"),
        ({"node": "svr"}, "estimator: The model svr does regression"),
        ({"node": "StandardScaler"}, "estimator: The node StandardScaler is no model"),
        ({"node": "svc", "config": {"c": 1}}, r"has no parameter 'c'. Did you mean 'C'\?"),
        ({"node": "svc", "config": {"C": -1}}, "svc C: Input should be greater than 0"),
    ],
)
def test_a_wrong_model_inside_is_named(estimator, message):
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]
    model = {"node": "calibrated_classifier", "config": {"estimator": estimator}}

    with pytest.raises(InvalidConfigError, match=message):
        Pipeline.from_config({"steps": steps, "model": model})


def test_models_inside_of_models_come_to_an_end():
    estimator = {"node": "logistic_regression"}
    for _ in range(300):
        estimator = {"node": "calibrated_classifier", "config": {"estimator": estimator}}

    with pytest.raises(ValueError, match="objects deep"):
        NodeRegistry.get("calibrated_classifier").config_model(estimator=estimator)


def test_parameters_of_the_model_inside_are_tuned_by_their_address():
    steps = [{"node": "FeatureTargetSplit", "config": {"target": "y"}}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "calibrated_classifier"}})

    space = SearchSpace.of({"estimator.config.C": {"low": 0.1, "high": 10.0}}, pipeline._resolved)
    tried = space.applied(pipeline._resolved, {"estimator.config.C": 0.5})

    assert tried.model.parsed.estimator.parsed.C == 0.5


CLASSIFIERS = [name for name in NodeRegistry.names() if NodeRegistry.get(name).info().task == "classification"]
DECIDING = [name for name in CLASSIFIERS if NodeRegistry.get(name).calculator.decides]


def test_models_with_a_decision_function_are_among_those_that_are_compared():
    assert {"logistic_regression", "svc", "hist_gradient_boosting_classifier"} <= set(DECIDING)


@pytest.mark.parametrize("data", ["breast_cancer", "wine"])
@pytest.mark.parametrize("name", DECIDING)
def test_the_scores_that_are_calibrated_are_scikit_learns_decision_function(name, data):
    entry = NodeRegistry.get(name)
    module, _, kind = entry.calculator.reference.rpartition(".")
    quick = {key: 3 for key in ("max_iter", "n_estimators") if key in entry.config_model.model_fields and name != "svc"}
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    seed = {"random_state": 0} if "random_state" in entry.config_model.model_fields else {}
    estimator = getattr(importlib.import_module(module), kind)(**quick, **seed)

    params = entry.calculator.fit(frame, target.astype(np.int64), entry.config_model(**quick))

    member = Member(name, params, len(np.unique(target)))
    wanted = estimator.fit(frame.to_numpy(), target).decision_function(frame.to_numpy())
    scores = member.answers(frame, "scores")
    np.testing.assert_allclose(scores, wanted.reshape(len(target), -1), rtol=1e-9, atol=1e-9)
