"""The key `tuning`: what is wrong with it is said before the first fit, and without data where that is possible."""

import subprocess
import sys

import pytest
from skyulf_core import DataError, InvalidConfigError, Pipeline, validate_config
from skyulf_core.tuning import tune
from tuning_cases import ALPHA, SPLIT, cancer, classifier, diabetes, ridge


@pytest.mark.parametrize(
    ("tuning", "pointer", "code", "says"),
    [
        ({"strategy": "gird"}, "strategy", "invalid-value", "Did you mean 'grid'?"),
        ({"strategy": "optuna", "sampler": "tp"}, "sampler", "invalid-value", "Did you mean 'tpe'?"),
        ({"pruner": "hyperbad"}, "pruner", "invalid-value", "Did you mean 'hyperband'?"),
        ({"n_trial": 3}, "n_trial", "unknown-key", "Did you mean 'n_trials'?"),
        ({"n_trials": 0}, "n_trials", "empty-budget", "leaves nothing to try"),
        ({"timeout": 0}, "timeout", "empty-budget", "leaves nothing to try"),
        ({"n_trials": 2.5}, "n_trials", "invalid-value", "integer"),
        ({"n_jobs": 0}, "n_jobs", "invalid-value", "-1 for one per processor"),
        ({"metric": "accuracy"}, "metric", "unknown-metric", "not of a regression"),
        ({"metric": "rsme"}, "metric", "unknown-metric", "Did you mean 'rmse'?"),
        ({"cv": {"type": "kfold"}}, "cv/type", "unknown-mode", "Did you mean 'k_fold'?"),
        ({"cv": {"type": "k_fold", "folds": 1}}, "cv/folds", "invalid-value", "greater than or equal to 2"),
        ({"strategy": "grid", "search_space": ALPHA}, "search_space/alpha", "endless", "no end of them"),
        ({"strategy": "random", "pruner": "median"}, "pruner", "invalid-value", "optuna"),
        ({"storage": "postgresql://host/db"}, "storage", "invalid-value", "a file"),
        (
            {"strategy": "halving_random", "min_resource": 9, "max_resource": 3},
            "min_resource", "empty-range", "at most",
        ),
        ({"strategy": "halving_random", "resource": "max_itr"}, "resource", "unknown-param", "'max_iter'"),
        ({"strategy": "halving_random", "resource": "max_iter"}, "max_resource", "missing-param", "last round"),
        (
            {"strategy": "halving_random", "resource": "alpha", "max_resource": 3, "search_space": ALPHA},
            "resource", "resource-searched", "is searched",
        ),
        (
            {"strategy": "grid", "search_space": {"max_iter": {"low": 1, "high": 200_000}}},
            "search_space", "too-many", "most",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_without_data(tuning, pointer, code, says):
    found = validate_config(ridge(**tuning)).problems

    assert [(problem.pointer, problem.code) for problem in found] == [(f"/tuning/{pointer}", code)]
    assert says in f"{found[0].message} {found[0].suggestion}"


def test_tuning_needs_a_model():
    found = validate_config({"steps": [SPLIT, {"node": "StandardScaler"}], "tuning": {}}).problems

    assert [problem.code for problem in found] == ["no-model"]


def test_tuning_is_an_object():
    found = validate_config({**ridge(), "tuning": "grid"}).problems

    assert [(problem.pointer, problem.code) for problem in found] == [("/tuning", "wrong-type")]


def test_a_sampler_without_its_package_says_what_to_install():
    program = """
import importlib.util as util
from skyulf_core import validate_config
from tuning_cases import ridge
find = util.find_spec
for package, sampler in (("optuna", "tpe"), ("cmaes", "cma_es"), ("torch", "gp")):
    util.find_spec = lambda name, *rest: None if name == package else find(name, *rest)
    print(*validate_config(ridge(strategy="optuna", sampler=sampler)).problems)
"""

    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment()
    )

    optuna, cmaes, torch = said.stdout.splitlines()
    assert "optuna is not installed. Install it with: pip install 'skyulf-core[tuning]'" in optuna
    assert "cmaes is not installed. Install it with: pip install 'skyulf-core[tuning]'" in cmaes
    assert "gp needs torch, which is not installed. Install it with: pip install torch" in torch


def environment():
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}


def test_folds_that_the_rows_cannot_make_are_refused_before_the_first_trial():
    tried = []

    with pytest.raises(DataError):
        tune(ridge(cv={"type": "k_fold", "folds": 900}), diabetes(), on_trial=tried.append)

    assert tried == []


def test_a_metric_for_two_classes_is_refused_for_numbers_and_before_the_first_trial():
    with pytest.raises(InvalidConfigError, match="not of a regression"):
        tune(ridge(metric="roc_auc"), diabetes())


def test_a_pipeline_without_the_key_has_nothing_to_tune():
    config = ridge()
    del config["tuning"]

    with pytest.raises(InvalidConfigError, match="nothing to tune"):
        tune(config, diabetes())


def test_too_few_rows_for_the_rounds_of_halving():
    with pytest.raises(DataError, match="first round of halving needs 600 rows"):
        tune(classifier(strategy="halving_random", min_resource=600), cancer(nulls=False))


def test_a_study_whose_trials_all_fail_says_why():
    space = {"positive": [True], "solver": ["svd"]}

    with pytest.raises(DataError, match=r"none of 1 trials came to a score.*lbfgs"):
        tune(ridge(strategy="grid", search_space=space), diabetes())


def test_a_trial_that_fails_does_not_end_the_study():
    space = {"positive": [True, False], "solver": ["svd"], "alpha": [1.0, 2.0]}

    tuned = tune(ridge(strategy="grid", search_space=space), diabetes())

    assert sorted(trial.state for trial in tuned.trials) == ["complete", "complete", "failed", "failed"]
    assert all("lbfgs" in trial.error for trial in tuned.trials if trial.state == "failed")
    assert tuned.best_params["positive"] is False


def test_the_configuration_shows_what_is_searched():
    config = Pipeline.from_config(ridge(strategy="random", n_trials=3)).config

    assert config["tuning"]["n_trials"] == 3
    assert Pipeline.from_config(config).config == config


def test_folds_hold_apart_what_the_splitter_holds_apart():
    model = {"node": "ridge_regression"}
    by_group = {"node": "GroupSplit", "config": {"target": "y", "group": "g"}}
    by_time = {"node": "TimeSplit", "config": {"target": "y", "column": "t"}}

    def mode(split):
        return Pipeline.from_config({"steps": [split], "model": model, "tuning": {}}).resolved.tuning.cv

    assert (mode(by_group).type, mode(by_group).group) == ("group_k_fold", "g")
    assert (mode(by_time).type, mode(by_time).by) == ("time_series", "t")
    assert mode(SPLIT).type == "k_fold"


def of_scores(**tuning):
    return {"steps": [SPLIT, {"node": "StandardScaler"}], "model": {"node": "sgd_classifier"}, "tuning": tuning}


def test_a_metric_of_probabilities_is_refused_where_the_model_has_none():
    hinge, either = {"loss": ["hinge"], "alpha": [0.1]}, {"loss": ["hinge", "log_loss"]}

    found = validate_config(of_scores(metric="log_loss", search_space=hinge)).problems

    assert [(problem.pointer, problem.code) for problem in found] == [("/tuning/metric", "no-probabilities")]
    assert validate_config(of_scores(metric="log_loss", search_space=either)).valid
    assert validate_config(of_scores(metric="accuracy", search_space=hinge)).valid


def test_a_classifier_without_probabilities_is_judged_by_accuracy():
    def metric(**tuning):
        return Pipeline.from_config(of_scores(**tuning)).resolved.tuning.metric

    assert metric(search_space={"loss": ["hinge", "log_loss"]}) == "accuracy"
    assert metric(search_space={"loss": ["log_loss"]}) == "roc_auc"
