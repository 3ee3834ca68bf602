"""Rounds of halving on few rows: the least that works is said before the first fit, and it does work."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_iris
from sklearn.utils import resample
from skyulf_core import DataError, InvalidConfigError, Pipeline
from skyulf_core.tuning import tune
from skyulf_core.tuning.rounds import least_drawn, smallest_part
from skyulf_core.validation.config import read_cv
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.thinning import drawn
from tuning_cases import cancer, classifier, diabetes, ridge

C = {"C": {"low": 1e-3, "high": 1e2, "log": True}}
NESTED = {"type": "nested", "outer": {"type": "k_fold", "folds": 2}, "inner": {"type": "k_fold", "folds": 2}}


def halving(**tuning):
    return classifier(**{"strategy": "halving_random", "n_trials": 9, "search_space": C, **tuning})


def few():
    """Two classes, 320 rows."""
    return cancer(nulls=False).head(320)


def iris():
    bunch = load_iris(as_frame=True)
    return pl.from_pandas(bunch.data).with_columns(y=pl.Series(bunch.target.to_numpy()))


@pytest.mark.parametrize(
    ("wishes", "pointers"),
    [
        ({"n_trials": 400, "min_resource": 1}, ["min_resource"]),
        ({"n_trials": 30, "min_resource": 1, "max_resource": 2}, ["min_resource", "max_resource"]),
        ({"n_trials": 5000, "factor": 2, "min_resource": 1}, ["min_resource"]),
        ({"min_resource": 9}, ["min_resource"]),
        ({"max_resource": 9}, ["max_resource"]),
        ({"strategy": "halving_grid", "search_space": {"C": [0.1, 1.0, 10.0]}, "min_resource": 1}, ["min_resource"]),
        ({"min_resource": 3, "cv": NESTED}, ["min_resource"]),
    ],
)
def test_a_round_with_too_few_rows_for_the_folds_is_refused_before_the_first_fit(wishes, pointers):
    tried = []

    with pytest.raises(InvalidConfigError) as refused:
        tune(halving(**wishes), few(), on_change=tried.append)

    assert [each.pointer for each in refused.value.problems] == [f"/tuning/{name}" for name in pointers]
    assert {each.code for each in refused.value.problems} == {"too-few-rows"}
    least = 10 if "cv" not in wishes else 4
    assert all(f"Choose {least} or more" in each.suggestion for each in refused.value.problems)
    assert tried == []


@pytest.mark.parametrize("wishes", [{"min_resource": 10}, {"max_resource": 15}, {"min_resource": 10, "factor": 2}])
def test_the_least_that_is_named_works(wishes):
    tuned = tune(halving(**wishes), few())

    assert {trial.state for trial in tuned.trials} == {"complete"}
    assert min(trial.resource for trial in tuned.trials) == wishes.get("min_resource", 15)


def test_a_first_round_is_raised_where_a_fold_would_lack_a_class():
    tuned = tune(halving(min_resource=10), iris())

    assert {trial.state for trial in tuned.trials} == {"complete"}
    assert [min(trial.resource for trial in tuned.trials if trial.round == index) for index in (0, 1)] == [15, 45]


def test_few_rows_are_one_round_of_all_of_them():
    tuned = tune(halving(), pl.concat([few().filter(y=label).head(6) for label in (0, 1)]))

    assert {(trial.state, trial.round, trial.resource) for trial in tuned.trials} == {("complete", 0, 12)}


def test_parts_that_no_share_is_drawn_of_are_judged_on_whole():
    cv = {"type": "shuffle_split", "folds": 3, "test_size": 2}

    tuned = tune(ridge(strategy="halving_random", n_trials=3, cv=cv, search_space={"alpha": [1.0, 2.0]}), diabetes())

    assert {trial.resource for trial in tuned.trials} == {442}


@pytest.mark.parametrize(
    "cv",
    [
        {"type": "k_fold", "folds": 7},
        {"type": "stratified_k_fold", "folds": 6},
        {"type": "repeated_k_fold", "folds": 4, "repeats": 2},
        {"type": "shuffle_split", "test_size": 0.13},
        {"type": "stratified_shuffle_split", "test_size": 0.8},
        {"type": "shuffle_split", "test_size": 31},
        {"type": "time_series", "folds": 6},
        {"type": "time_series", "folds": 3, "gap": 9, "test_size": 20, "max_train": 15},
    ],
)
def test_the_smallest_part_is_known_without_data(cv):
    config = halving()
    del config["tuning"]
    frame = few()

    validator = CrossValidator.of(Pipeline.from_config(config), frame, cv)
    folds = [validator.fold_rows(index) for index in range(validator.folds)]
    part = smallest_part(read_cv(cv), frame.height)

    assert part == min(len(rows) for fold in folds for rows in (fold.train, fold.test))
    least = least_drawn(part, frame.height)
    assert all(int(least / frame.height * len(rows)) >= 2 for fold in folds for rows in (fold.train, fold.test))
    assert int((least - 1) / frame.height * part) < 2


def test_a_share_is_scikit_learn_s_draw_unless_it_loses_a_class():
    rows, codes = np.arange(40), np.repeat([0, 1, 2], [30, 8, 2])
    theirs = resample(rows, replace=False, random_state=0, n_samples=20)

    assert (drawn(rows, 0.5, random_state=0) == theirs).all()
    for seed in range(20):
        plain, kept = (drawn(rows, 0.1, random_state=seed, codes=each) for each in (None, codes))
        assert (len(kept), len(set(kept.tolist()))) == (4, 4)
        assert set(codes[kept]) == {0, 1, 2}
        if set(codes[plain]) == {0, 1, 2}:
            assert (kept == plain).all()


def test_a_share_that_is_no_row_is_no_draw():
    with pytest.raises(DataError, match="draw a larger one"):
        drawn(np.arange(40), 0.01, random_state=0)
