"""Partial dependence: that of scikit-learn, through the whole pipeline."""

import json

import numpy as np
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.inspection import partial_dependence as of_sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skyulf_core import DataError, Pipeline
from skyulf_core.explanation import PartialDependence, partial_dependence


def _config(*steps: dict, model: str = "logistic_regression", **config: object) -> dict:
    split = {"node": "FeatureTargetSplit", "config": {"target": "y"}}
    return {"steps": [split, *steps], "model": {"node": model, "config": config}}


def test_numbers_are_looked_at_where_scikit_learn_looks_and_answer_the_same() -> None:
    data = load_breast_cancer()
    frame = pl.DataFrame(data.data[:, :4], schema=list("abcd")).with_columns(y=pl.Series(data.target))
    pipeline = Pipeline.from_config(_config({"node": "StandardScaler"})).fit(frame)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.data[:, :4], data.target)

    found = partial_dependence(pipeline, frame, "b", grid=15)

    expected = of_sklearn(model, data.data[:, :4], [1], grid_resolution=15, response_method="predict_proba")
    np.testing.assert_allclose(found.values, expected["grid_values"][0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.mean[0], expected["average"][0], rtol=0, atol=1e-6)
    assert found.outputs == ("1",)
    assert all(low <= mean <= high for low, mean, high in zip(found.low[0], found.mean[0], found.high[0], strict=True))
    assert PartialDependence.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_many_classes_have_a_line_each() -> None:
    data = load_iris(as_frame=True)
    frame = pl.DataFrame(data.data.to_numpy(), schema=list("abcd")).with_columns(y=pl.Series(data.target.to_numpy()))
    pipeline = Pipeline.from_config(_config({"node": "StandardScaler"})).fit(frame)
    values = data.data.to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(values, data.target)

    found = partial_dependence(pipeline, frame, "c", grid=10)

    expected = of_sklearn(model, values, [2], grid_resolution=10, response_method="predict_proba")["average"]
    np.testing.assert_allclose(found.mean, expected, rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.sum(found.mean, axis=0), 1.0)


def test_categories_are_set_before_the_encoder() -> None:
    rng = np.random.default_rng(0)
    kind = rng.choice(["low", "mid", "high"], 300, p=[0.2, 0.5, 0.3])
    x = rng.normal(size=300)
    y = (x + np.where(kind == "high", 2.0, 0.0) + rng.normal(size=300) > 0.5).astype(int)
    frame = pl.DataFrame({"kind": kind, "x": x, "y": y})
    pipeline = Pipeline.from_config(_config({"node": "OneHotEncoder", "config": {"columns": ["kind"]}})).fit(frame)
    pandas = frame.to_pandas()
    encode = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    model = make_pipeline(encode, LogisticRegression()).fit(pandas[["kind", "x"]], y)

    found = partial_dependence(pipeline, frame, "kind")

    inputs = pandas[["kind", "x"]].astype({"kind": object})
    expected = of_sklearn(model, inputs, ["kind"], categorical_features=["kind"], response_method="predict_proba")
    by_value = dict(zip(expected["grid_values"][0], expected["average"][0], strict=True))
    assert found.kind == "category"
    assert found.values == ("mid", "high", "low")
    assert dict(zip(found.values, found.mean[0], strict=True)) == pytest.approx(by_value, abs=1e-4)
    assert sum(found.distribution) == pytest.approx(1.0)


def test_whole_numbers_stay_whole_and_a_wrong_column_is_refused() -> None:
    frame = pl.DataFrame({"n": list(range(100)), "y": [float(i % 7) for i in range(100)]})
    pipeline = Pipeline.from_config(_config(model="ridge_regression")).fit(frame)

    found = partial_dependence(pipeline, frame, "n", grid=7)

    assert all(isinstance(value, int) for value in found.values)
    with pytest.raises(DataError, match="no input column 'm'"):
        partial_dependence(pipeline, frame, "m")
    with pytest.raises(DataError, match="holds no values"):
        partial_dependence(pipeline, frame.with_columns(n=pl.lit(None, pl.Int64)), "n")
