"""What the engine of cross-validations promises of its folds, and what it refuses."""

import numpy as np
import polars as pl
import pytest
from sklearn import model_selection as sk
from skyulf_core import DataError, InvalidConfigError, Pipeline
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.validation.crossing import cross_validate
from skyulf_core.validation.engine import CrossValidator
from validation_cases import CANCER, SCALED, SPLIT, assert_same, results


def test_test_rows_of_the_splitter_are_never_seen():
    train, test = sk.train_test_split(np.arange(len(CANCER)), test_size=0.2, random_state=4)
    spoiled = CANCER.copy()
    spoiled.loc[test, spoiled.columns != "target"] = 1e6
    pipeline = Pipeline.from_config(SCALED)

    result, other = (pipeline.cross_validate(frame, {"type": "k_fold"}) for frame in (CANCER, spoiled))

    assert result.mean == other.mean
    assert len(result.oof.rows) == len(train)
    assert not pipeline.is_fitted


def test_steps_before_the_split_run_once_and_may_be_searched_too(monkeypatch):
    steps = [{"node": "ClipValues", "config": {"upper": 20.0}}, SPLIT, {"node": "StandardScaler"}]
    config = {"steps": steps, "model": {"node": "logistic_regression"}}
    other = {**config, "steps": [{"node": "ClipValues", "config": {"upper": 5.0}}, *steps[1:]]}
    validator = CrossValidator.of(Pipeline.from_config(config), CANCER, {"type": "k_fold", "folds": 3})

    first, second = results(validator, [config]), results(validator, [other])

    expected = Pipeline.from_config(other).cross_validate(CANCER, {"type": "k_fold", "folds": 3})
    assert_same(second, expected.folds)
    assert [fold.metrics for fold in first] != [fold.metrics for fold in second]


def test_a_configuration_of_other_rows_is_refused():
    validator = CrossValidator.of(Pipeline.from_config(SCALED), CANCER, {"type": "k_fold"})
    ridge = {"node": "ridge_regression"}
    others = [
        {**SCALED, "steps": [{"node": "TrainTestSplit", "config": {"target": "target", "random_state": 5}}]},
        {"steps": [{"node": "TrainTestSplit", "config": {"target": "mean area", "random_state": 4}}], "model": ridge},
        {**SCALED, "model": ridge},
        {**SCALED, "model": {"node": "logistic_regression", "weights": "mean area"}},
    ]

    for config in others:
        with pytest.raises(DataError, match="another target, with other weights, or from other rows than the folds"):
            validator.run_fold(resolve(config), 0)


def test_a_class_that_a_fold_does_not_know_has_probability_0():
    frame = pl.DataFrame({"x": np.arange(60.0), "y": ["a", "b"] * 29 + ["c", "a"]})
    config = {
        "steps": [{"node": "FeatureTargetSplit", "config": {"target": "y"}}], "model": {"node": "logistic_regression"},
    }  # fmt: skip

    result = Pipeline.from_config(config).cross_validate(frame, {"type": "k_fold", "shuffle": False})

    last = result.folds[-1]
    assert last.probabilities.shape == (12, 3)
    assert not last.probabilities[:, 2].any()
    assert result.oof.truth[58] == 2
    assert set(last.predictions.tolist()) <= {0, 1}
    assert "accuracy" in last.metrics


def test_progress_is_told_and_what_it_raises_ends_the_run():
    seen = []
    pipeline = Pipeline.from_config(SCALED)

    cross_validate(
        pipeline, CANCER, {"type": "k_fold", "folds": 2}, report=lambda done, text: seen.append((done, text))
    )

    assert seen == [(0.0, "fold 1 of 2"), (0.5, "fold 2 of 2"), (1.0, "done")]

    def stop(done, text):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate(pipeline, CANCER, {"type": "k_fold"}, report=stop)


REFUSED = {
    "metric": (SCALED, {"type": "k_fold"}, ["r2"], InvalidConfigError, "is one of a regression, not of a class"),
    "misspelt": (SCALED, {"type": "k_fold"}, ["acuracy"], InvalidConfigError, "Did you mean 'accuracy'?"),
    "none": (SCALED, {"type": "k_fold"}, [], InvalidConfigError, "Name at least one metric"),
    "nested": (SCALED, {"type": "nested"}, None, InvalidConfigError, "there is nothing to choose from"),
    "no model": ({"steps": SCALED["steps"]}, {"type": "k_fold"}, None, InvalidConfigError, "has no model"),
    "weights": (
        {**SCALED, "model": {"node": "logistic_regression", "weights": "mean area"}},
        {"type": "group_k_fold", "group": "mean area"}, None, DataError, "'mean area' holds the weights of the rows",
    ),
    "one class": (
        {**SCALED, "steps": [{"node": "FeatureTargetSplit", "config": {"target": "sorted"}}]},
        {"type": "k_fold", "folds": 2, "shuffle": False}, None, DataError, "in fold 1 all rows to learn from",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_judged_is_refused_before_the_first_fit(name):
    config, cv, metrics, error, text = REFUSED[name]
    frame, seen = CANCER.assign(sorted=np.sort(np.arange(len(CANCER)) % 2)), []

    with pytest.raises(error, match=text):
        cross_validate(Pipeline.from_config(config), frame, cv, metrics=metrics, report=lambda *told: seen.append(told))

    assert seen == []


def test_weights_that_are_0_in_a_fold_are_refused():
    frame = pl.DataFrame({"x": np.arange(40.0), "y": np.arange(40) % 2, "w": [0.0] * 10 + [1.0] * 30})
    split = {"node": "FeatureTargetSplit", "config": {"target": "y"}}
    pipeline = Pipeline.from_config({"steps": [split], "model": {"node": "logistic_regression", "weights": "w"}})

    with pytest.raises(DataError, match="in fold 1 all rows to judge on have weight 0"):
        pipeline.cross_validate(frame, {"type": "k_fold", "folds": 4, "shuffle": False})


def test_a_time_split_says_what_time_is():
    days = np.random.default_rng(0).permutation(100)
    frame = pl.DataFrame({"day": days, "x": days * 1.0, "y": days * 2.0})
    config = {"steps": [{"node": "TimeSplit", "config": {"target": "y", "column": "day"}}]}
    pipeline = Pipeline.from_config({**config, "model": {"node": "ridge_regression"}})

    validator = CrossValidator.of(pipeline, frame, {"type": "time_series", "folds": 3})

    early = np.sort(days)[:80]
    assert [fold.tolist() for fold in (early[validator.fold_rows(0).train], early[validator.fold_rows(2).test])] == [
        list(range(20)), list(range(60, 80)),
    ]  # fmt: skip
    with pytest.raises(DataError, match="needs rows in order of time"):
        Pipeline.from_config(SCALED).cross_validate(CANCER, {"type": "time_series"})


def test_a_model_without_probabilities_is_judged_by_what_needs_none():
    config = {**SCALED, "model": {"node": "sgd_classifier"}}

    result = Pipeline.from_config(config).cross_validate(CANCER, {"type": "k_fold", "folds": 2})

    assert result.oof.probabilities is None
    assert "accuracy" in result.mean
    assert "roc_auc" not in result.mean


def test_rows_that_several_folds_judge_are_there_several_times():
    cv = {"type": "repeated_stratified_k_fold", "folds": 3, "repeats": 2}

    result = Pipeline.from_config(SCALED).cross_validate(CANCER, cv)

    assert np.bincount(result.oof.rows).tolist() == [2] * 455
    assert sorted(set(result.oof.folds.tolist())) == list(range(6))
    written = result.to_dict()
    assert [fold["index"] for fold in written["folds"]] == list(range(6))
    assert written["mean"] == result.mean
