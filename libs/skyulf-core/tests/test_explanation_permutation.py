"""Permutation importance: that of scikit-learn, on the same rows with the same seed."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance as of_sklearn
from sklearn.linear_model import LogisticRegression
from skyulf_core import DataError, Pipeline
from skyulf_core.explanation import PermutationImportances, permutation_importance


def _frame(data, columns: int) -> pl.DataFrame:
    names = [f"c{i}" for i in range(columns)]
    return pl.DataFrame(data.data[:, :columns], schema=names).with_columns(y=pl.Series(data.target))


def _parts(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    return frame[: frame.height // 2], frame[frame.height // 2 :]


def _check(pipeline: Pipeline, model, train: pl.DataFrame, test: pl.DataFrame, metric: str, scoring: str) -> None:
    features = train.drop("y").columns
    pipeline.fit(train)
    model.fit(train[features].to_numpy(), train["y"].to_numpy())

    found = permutation_importance(pipeline, test, metric=metric, repeats=4, random_state=3)

    expected = of_sklearn(
        model, test[features].to_numpy(), test["y"].to_numpy(), scoring=scoring, n_repeats=4, random_state=3
    )
    by_name = {each.column: each for each in found.columns}
    for place, name in enumerate(features):
        np.testing.assert_allclose(by_name[name].repeats, expected.importances[place], rtol=0, atol=1e-9)
        assert by_name[name].mean == pytest.approx(expected.importances_mean[place], abs=1e-9)
        assert by_name[name].std == pytest.approx(expected.importances_std[place], abs=1e-9)
    assert [each.mean for each in found.columns] == sorted((each.mean for each in found.columns), reverse=True)
    assert PermutationImportances.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_classification_is_measured_as_scikit_learn_does() -> None:
    train, test = _parts(_frame(load_breast_cancer(), 6))
    pipeline = Pipeline.from_config(
        {
            "steps": [{"node": "FeatureTargetSplit", "config": {"target": "y"}}],
            "model": {"node": "logistic_regression", "config": {"max_iter": 5000}},
        }
    )

    _check(pipeline, LogisticRegression(max_iter=5000), train, test, "log_loss", "neg_log_loss")


def test_a_metric_that_is_better_when_small_makes_positive_importances() -> None:
    train, test = _parts(_frame(load_diabetes(), 5))
    pipeline = Pipeline.from_config(
        {
            "steps": [{"node": "FeatureTargetSplit", "config": {"target": "y"}}],
            "model": {"node": "random_forest_regressor", "config": {"n_estimators": 10}},
        }
    )

    _check(
        pipeline, RandomForestRegressor(n_estimators=10, random_state=0), train, test, "mae", "neg_mean_absolute_error"
    )


def test_unknown_columns_metrics_and_repeats_are_refused() -> None:
    frame = _frame(load_diabetes(), 3)
    pipeline = Pipeline.from_config(
        {
            "steps": [{"node": "TrainTestSplit", "config": {"target": "y"}}],
            "model": {"node": "ridge_regression"},
        }
    ).fit(frame)

    with pytest.raises(DataError, match="Did you mean 'c1'"):
        permutation_importance(pipeline, frame, columns=["c11"])
    with pytest.raises(DataError, match="not of a regression"):
        permutation_importance(pipeline, frame, metric="roc_auc")
    with pytest.raises(DataError, match="1 repeat or more"):
        permutation_importance(pipeline, frame, repeats=0)
    with pytest.raises(DataError, match="missing columns: 'y'"):
        permutation_importance(pipeline, frame.drop("y"))
