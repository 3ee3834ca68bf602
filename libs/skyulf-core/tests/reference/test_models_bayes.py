"""Naive Bayes against scikit-learn's, on real data: library, bundle and serving plan."""

import numpy as np
import polars as pl
import pytest
from model_reference import CLASSIFICATION, check_model, uneven_weights, whole_weights
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError

pytestmark = pytest.mark.filterwarnings("ignore:alpha too small")

MODELS = {
    "gaussian_nb": (GaussianNB, [{}, {"var_smoothing": 1e-3}]),
    "multinomial_nb": (MultinomialNB, [{}, {"alpha": 0.01, "fit_prior": False}]),
    "bernoulli_nb": (BernoulliNB, [{}, {"binarize": 3.5, "alpha": 1e-12, "force_alpha": False}]),
}
CASES = [(name, config) for name, (_, configs) in MODELS.items() for config in configs]
WEIGHTS = {"": None, "weighted": uneven_weights, "whole weights": whole_weights}


def fit(name, frame, target, weights=None, **config):
    entry = NodeRegistry.get(name)
    return entry.calculator.fit(frame, np.array(target), entry.config_model(**config), weights=weights)


@pytest.mark.compares("gaussian_nb", "multinomial_nb", "bernoulli_nb")
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("data", CLASSIFICATION)
@pytest.mark.parametrize(("name", "config"), CASES, ids=str)
def test_naive_bayes_equals_scikit_learn(name, config, data, weights, tmp_path):
    frame, target = CLASSIFICATION[data]()
    given = WEIGHTS[weights] and WEIGHTS[weights](len(target))

    check_model(name, config, MODELS[name][0](**config), frame, target, tmp_path=tmp_path, weights=given)


@pytest.mark.parametrize(("name", "key"), [("gaussian_nb", "priors"), ("multinomial_nb", "class_prior")])
def test_shares_of_classes_may_be_given(name, key, tmp_path):
    frame, target = CLASSIFICATION["wine"]()
    config = {key: [0.2, 0.5, 0.3]}

    check_model(name, config, MODELS[name][0](**config), frame, target, tmp_path=tmp_path)


def test_flags_are_taken_as_they_are_without_a_threshold(tmp_path):
    frame, target = CLASSIFICATION["digits"]()
    flags = frame.select(pl.all() > 4)

    check_model("bernoulli_nb", {"binarize": None}, BernoulliNB(binarize=None), flags, target, tmp_path=tmp_path)


@pytest.mark.parametrize(
    ("name", "columns", "config", "reason"),
    [
        ("multinomial_nb", {"a": [1.0, -2.0, 3.0, 0.0]}, {}, "negative-values"),
        ("multinomial_nb", {"a": [1.0, 2.0, 0.0, 0.0], "b": [1, 2, 3, 4]}, {"alpha": 0}, "no-smoothing"),
        ("bernoulli_nb", {"a": [1.0, 2.0, 0.0, 0.0]}, {"alpha": 0}, "no-smoothing"),
        ("bernoulli_nb", {"a": [1.0, 0.0, 2.0, 0.0]}, {"binarize": None}, "not-binary"),
        ("gaussian_nb", {"a": [1.0, 2.0, 3.0, 3.0]}, {"var_smoothing": 0}, "constant-features"),
        ("gaussian_nb", {"a": [1.0, 1.0, 1.0, 1.0]}, {}, "constant-features"),
        ("gaussian_nb", {"a": [1.0, 2.0, 3.0, 3.0]}, {"priors": [0.5, 0.25, 0.25]}, "wrong-priors"),
    ],
)
def test_what_cannot_be_learned_from_is_said(name, columns, config, reason):
    with pytest.raises(DataError) as caught:
        fit(name, pl.DataFrame(columns), [0, 0, 1, 1], **config)

    assert caught.value.reason == reason
    assert caught.value.column in (None, "a")


@pytest.mark.parametrize("name", MODELS)
def test_a_class_without_weight_is_refused(name):
    with pytest.raises(DataError, match="weight 0"):
        fit(name, pl.DataFrame({"a": [1.0, 2.0, 3.0]}), [0, 1, 1], np.array([0.0, 1.0, 2.0]))


@pytest.mark.parametrize("config", [{"priors": [0.5, 0.4]}, {"priors": [1.5, -0.5]}, {"var_smoothing": -1}])
def test_values_that_cannot_work_are_refused_before_training(config):
    with pytest.raises(ValueError, match="validation error"):
        NodeRegistry.get("gaussian_nb").config_model(**config)


@pytest.mark.parametrize("name", MODELS)
def test_defaults_and_names_are_those_of_scikit_learn(name):
    entry = NodeRegistry.get(name)
    defaults = {**MODELS[name][0]().get_params(), "class_weight": None}  # which weighs rows, for scikit-learn

    assert {field: info.default for field, info in entry.config_model.model_fields.items()} == defaults
