"""Searches that scikit-learn has too: the same candidates, the same folds, the same scores, the same best."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skyulf_core.tuning import tune
from tuning_cases import SPLIT, cancer, classifier, diabetes, ridge

CLASSES = {"type": "stratified_k_fold", "folds": 5, "random_state": 0}
NUMBERS = {"type": "k_fold", "folds": 5, "random_state": 0}


def scores(tuned, translate):
    return {translate(trial.params): trial.score for trial in tuned.trials}


def matrix(frame):
    return frame.drop("y").to_pandas(), frame["y"].to_numpy()


def test_grid_finds_the_same_best_of_a_classifier_with_preprocessing():
    space = {"C": [0.01, 0.1, 1.0, 10.0], "fill.strategy": ["mean", "median"]}
    frame = cancer()
    theirs = GridSearchCV(
        make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()),
        {"logisticregression__C": space["C"], "simpleimputer__strategy": space["fill.strategy"]},
        cv=StratifiedKFold(5, shuffle=True, random_state=0),
        scoring="roc_auc",
    ).fit(*matrix(frame))

    ours = tune(classifier(strategy="grid", search_space=space, metric="roc_auc", cv=CLASSES, pruner="none"), frame)

    assert [t.params for t in ours.trials] == [
        {"C": p["logisticregression__C"], "fill.strategy": p["simpleimputer__strategy"]}
        for p in theirs.cv_results_["params"]
    ]
    np.testing.assert_allclose([t.score for t in ours.trials], theirs.cv_results_["mean_test_score"], atol=1e-9)
    assert ours.best.number == theirs.best_index_
    assert ours.best_score == pytest.approx(theirs.best_score_, abs=1e-9)


def test_grid_finds_the_same_best_of_boosting():
    space = {"max_leaf_nodes": [4, 15], "learning_rate": [0.05, 0.2], "max_iter": [20, 40]}
    frame = diabetes()
    theirs = GridSearchCV(
        HistGradientBoostingRegressor(random_state=0), space, cv=KFold(5, shuffle=True, random_state=0), scoring="r2"
    ).fit(*matrix(frame))
    config = {
        "steps": [SPLIT],
        "model": {"node": "hist_gradient_boosting_regressor"},
        "tuning": {"strategy": "grid", "search_space": space, "cv": NUMBERS, "pruner": "none"},
    }

    ours = tune(config, frame)

    assert ours.best_params == theirs.best_params_
    expected = [
        theirs.cv_results_["mean_test_score"][theirs.cv_results_["params"].index(t.params)] for t in ours.trials
    ]
    np.testing.assert_allclose([t.score for t in ours.trials], expected, atol=1e-9)


def test_random_draws_what_parameter_sampler_draws():
    frame = diabetes()
    theirs = RandomizedSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": loguniform(1e-3, 1e3), "ridge__fit_intercept": [True, False]},
        n_iter=8,
        cv=KFold(5, shuffle=True, random_state=0),
        scoring="r2",
        random_state=7,
    ).fit(*matrix(frame))
    space = {"alpha": {"low": 1e-3, "high": 1e3, "log": True}, "fit_intercept": [True, False]}

    ours = tune(
        ridge(strategy="random", n_trials=8, search_space=space, cv=NUMBERS, random_state=7, pruner="none"), frame
    )

    drawn = [(p["ridge__alpha"], p["ridge__fit_intercept"]) for p in theirs.cv_results_["params"]]
    assert [(t.params["alpha"], t.params["fit_intercept"]) for t in ours.trials] == drawn
    np.testing.assert_allclose([t.score for t in ours.trials], theirs.cv_results_["mean_test_score"], atol=1e-9)


def rounds_of(search):
    found = search.cv_results_
    return [
        (int(turn), params["ridge__alpha"], int(rows))
        for turn, params, rows in zip(found["iter"], found["params"], found["n_resources"], strict=True)
    ]


def test_halving_over_drawn_candidates_has_the_same_rounds_and_scores():
    frame = diabetes()
    theirs = HalvingRandomSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": loguniform(1e-3, 1e3)},
        n_candidates=9,
        min_resources="exhaust",
        cv=KFold(5, shuffle=True, random_state=0),
        scoring="r2",
        random_state=3,
    ).fit(*matrix(frame))
    space = {"alpha": {"low": 1e-3, "high": 1e3, "log": True}}

    ours = tune(ridge(strategy="halving_random", n_trials=9, search_space=space, cv=NUMBERS, random_state=3), frame)

    assert theirs.n_resources_ == [49, 147, 441]
    assert [(t.round, t.params["alpha"], t.resource) for t in ours.trials] == rounds_of(theirs)
    np.testing.assert_allclose([t.score for t in ours.trials], theirs.cv_results_["mean_test_score"], atol=1e-9)
    assert ours.best_params["alpha"] == theirs.best_params_["ridge__alpha"]


def test_halving_over_a_grid_has_the_same_rounds_and_scores():
    frame, alphas = diabetes(), [0.01, 0.1, 1.0, 10.0, 100.0]
    theirs = HalvingGridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": alphas},
        factor=2,
        cv=KFold(5, shuffle=True, random_state=0),
        scoring="r2",
        random_state=0,
    ).fit(*matrix(frame))

    ours = tune(ridge(strategy="halving_grid", factor=2, search_space={"alpha": alphas}, cv=NUMBERS), frame)

    assert [(t.round, t.params["alpha"], t.resource) for t in ours.trials] == rounds_of(theirs)
    np.testing.assert_allclose([t.score for t in ours.trials], theirs.cv_results_["mean_test_score"], atol=1e-9)
    assert ours.best_params["alpha"] == theirs.best_params_["ridge__alpha"]


def test_halving_over_a_parameter_gives_each_round_more_of_it():
    frame, space = diabetes(), {"learning_rate": [0.02, 0.05, 0.1, 0.2]}
    theirs = HalvingGridSearchCV(
        HistGradientBoostingRegressor(random_state=0),
        space,
        factor=2,
        resource="max_iter",
        min_resources=5,
        max_resources=20,
        cv=KFold(3, shuffle=True, random_state=0),
        scoring="r2",
        random_state=0,
    ).fit(*matrix(frame))
    config = {
        "steps": [SPLIT],
        "model": {"node": "hist_gradient_boosting_regressor"},
        "tuning": {
            "strategy": "halving_grid", "factor": 2, "resource": "max_iter", "min_resource": 5, "max_resource": 20,
            "search_space": space, "cv": {"type": "k_fold", "folds": 3},
        },
    }  # fmt: skip

    ours = tune(config, frame)

    assert [t.resource for t in ours.trials] == [5, 5, 5, 5, 10, 10, 20]
    np.testing.assert_allclose([t.score for t in ours.trials], theirs.cv_results_["mean_test_score"], atol=1e-9)
    assert ours.best_config["model"]["config"]["max_iter"] == theirs.best_params_["max_iter"] == 20
