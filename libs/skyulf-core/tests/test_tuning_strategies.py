"""What the strategies try: conditions, samplers of optuna, rounds, and trials that end before their last fold."""

import numpy as np
import pytest
from skyulf_core.tuning import tune
from skyulf_core.tuning.pruning import clearly_worse
from skyulf_core.tuning.strategies.halving import Rounds
from tuning_cases import ALPHA, KERNEL, SPLIT, cancer, classifier, diabetes, ridge

THREE = {"type": "k_fold", "folds": 3}


def matters(params):
    wanted = {"solver", "alpha"} | ({"tol"} if params["solver"] != "svd" else set())
    return set(params) == wanted | ({"max_iter"} if params["solver"] == "sag" else set())


@pytest.mark.parametrize("strategy", ["random", "halving_random", "optuna"])
def test_parameters_are_tried_only_where_they_matter(strategy):
    config = ridge(strategy=strategy, n_trials=12, search_space=KERNEL, cv=THREE)

    tuned = tune(config, diabetes())

    assert all(matters(trial.params) for trial in tuned.trials)
    assert {trial.params["solver"] for trial in tuned.trials} == {"svd", "lsqr", "sag"}
    assert all(isinstance(trial.params.get("max_iter", 50), int) for trial in tuned.trials)


def test_a_parameter_that_does_not_matter_keeps_the_value_of_the_configuration():
    config = ridge(
        strategy="grid", search_space={"solver": ["svd"], "max_iter": {"choices": [7], "when": {"solver": "svd"}}}
    )
    config["model"]["config"] = {"tol": 0.5}

    tuned = tune(config, diabetes())

    assert (
        tuned.best_config["model"]["config"] | {"solver": "svd", "max_iter": 7, "tol": 0.5}
        == (tuned.best_config["model"]["config"])
    )


@pytest.mark.parametrize("sampler", ["tpe", "random", "cma_es"])
def test_optuna_finds_better_parameters_with_each_sampler(sampler):
    space = {"alpha": {"low": 1e-4, "high": 1e6, "log": True}, "tol": {"low": 1e-6, "high": 1e-2, "log": True}}
    config = ridge(strategy="optuna", sampler=sampler, n_trials=12, search_space=space, cv=THREE)

    tuned = tune(config, diabetes())

    assert len(tuned.trials) == 12
    assert all(1e-4 <= trial.params["alpha"] <= 1e6 for trial in tuned.trials)
    assert tuned.best_score > 0.45
    assert tuned.best_score == max(trial.score for trial in tuned.trials if trial.state == "complete")


def test_optuna_learns_from_the_trials_before():
    space = {"alpha": {"low": 1e-4, "high": 1e8, "log": True}}

    def worst(sampler):
        config = ridge(strategy="optuna", sampler=sampler, n_trials=30, search_space=space, cv=THREE, pruner="none")
        return np.mean([trial.score for trial in tune(config, diabetes()).trials[15:]])

    assert worst("tpe") > worst("random")


def test_optuna_chooses_among_values_of_any_kind():
    space = {
        "StandardScaler.columns": [None, ["mean area"], ["mean area", "mean texture"]],
        "C": {"low": 0.1, "high": 2.0, "step": 0.1},
        "max_iter": {"low": 100, "high": 200, "step": 50},
        "fill.strategy": ["mean", "median"],
    }

    tuned = tune(
        classifier(strategy="optuna", n_trials=6, search_space=space, cv={"type": "k_fold", "folds": 2}), cancer()
    )

    assert {trial.params["max_iter"] for trial in tuned.trials} <= {100, 150, 200}
    assert all(trial.params["StandardScaler.columns"] in space["StandardScaler.columns"] for trial in tuned.trials)


def test_fewer_is_better_where_the_metric_says_so():
    tuned = tune(ridge(strategy="grid", metric="rmse", search_space={"alpha": [1.0, 1e6]}, cv=THREE), diabetes())

    assert tuned.best_params == {"alpha": 1.0}
    assert 50 < tuned.best_score < 65


@pytest.mark.parametrize(
    ("strategy", "pruner"),
    [("grid", "folds"), ("random", "folds"), ("optuna", "folds"), ("optuna", "median"), ("optuna", "hyperband")],
)
def test_trials_that_are_worse_end_after_two_folds_or_later(strategy, pruner):
    space = {"alpha": [1.0, 2.0, 3.0, 4.0, 5.0, 1e5, 1e6, 1e7, 1e8]}
    config = ridge(strategy=strategy, pruner=pruner, n_trials=9, search_space=space, random_state=1)

    tuned = tune(config, diabetes())

    pruned = [trial for trial in tuned.trials if trial.state == "pruned"]
    assert pruned
    assert all(2 <= len(trial.folds) < 5 and trial.score is None for trial in pruned)
    assert tuned.best_score > 0.45
    if pruner == "folds":
        assert all(trial.params["alpha"] >= 1e5 for trial in pruned)


def test_no_trial_ends_early_where_nobody_wants_that():
    space = {"alpha": [1.0, 2.0, 3.0, 4.0, 1e7, 1e8]}

    tuned = tune(ridge(strategy="grid", pruner="none", search_space=space), diabetes())

    assert {trial.state for trial in tuned.trials} == {"complete"}


def test_a_good_trial_is_seldom_taken_for_a_worse_one():
    state, taken = np.random.default_rng(0), 0
    for _ in range(2000):
        hard = state.normal(0, 0.05, 5)
        others = [0.8 + hard + state.normal(0, 0.01, 5) for _ in range(6)]
        best = 0.81 + hard + state.normal(0, 0.01, 5)
        if best.mean() > max(other.mean() for other in others):
            taken += any(clearly_worse(best[:done], others, greater_is_better=True) for done in (2, 3, 4))

    assert taken <= 2


def test_a_trial_as_good_as_the_best_never_ends():
    others = [[0.9, 0.8, 0.85], [0.9, 0.8, 0.85], [0.9, 0.8, 0.85]]

    assert not clearly_worse([0.9, 0.8], others, greater_is_better=True)
    assert not clearly_worse([0.0], others, greater_is_better=True)
    assert not clearly_worse([0.0, 0.0], others[:2], greater_is_better=True)
    assert clearly_worse([1.9, 1.85], others, greater_is_better=False)


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(1, 100, ((1,), (100,))), (9, 100, ((9, 3, 1), (11, 33, 99))), (10, 30, ((10, 4), (10, 30)))],
)
def test_rounds_of_halving(count, most, expected):
    found = Rounds.of(count, least=10, most=most, factor=3, exhaust=True)

    assert (found.candidates, found.resources) == expected


def test_a_finite_space_is_not_drawn_from_twice():
    tuned = tune(ridge(strategy="random", n_trials=50, search_space={"alpha": [1.0, 2.0, 3.0]}, cv=THREE), diabetes())

    assert sorted(trial.params["alpha"] for trial in tuned.trials) == [1.0, 2.0, 3.0]


def test_nodes_before_the_split_are_searched_too():
    rounded = {"node": "ClipValues", "config": {"columns": ["bmi"], "lower": -0.05, "upper": 0.05}, "id": "clip"}
    config = {
        "steps": [rounded, SPLIT, {"node": "StandardScaler"}],
        "model": {"node": "ridge_regression"},
        "tuning": {"strategy": "grid", "search_space": {"clip.upper": [-0.04, 0.2]}, "cv": THREE},
    }

    tuned = tune(config, diabetes())

    assert tuned.best_params == {"clip.upper": 0.2}
    assert len({trial.score for trial in tuned.trials}) == 2


def test_every_seed_of_alpha_stays_in_its_range():
    tuned = tune(ridge(strategy="random", n_trials=5, search_space=ALPHA, cv=THREE, random_state=5), diabetes())

    assert all(1e-3 <= trial.params["alpha"] <= 1e3 for trial in tuned.trials)
