"""Contributions: they are Shapley values, add up to the answer, and agree with shap where shap can tell."""

import itertools
import json
from math import factorial

import numpy as np
import polars as pl
import pytest
import shap
from palmerpenguins import load_penguins
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from skyulf_core import NotFittedError, Pipeline
from skyulf_core.explanation import Explanations, explain, importances
from skyulf_core.explanation.importances import Importances


def _penguins() -> pl.DataFrame:
    return pl.from_pandas(load_penguins().dropna(subset=["sex"]))


def _pipeline(model: str, target: str = "species", **config: object) -> Pipeline:
    encoded = [name for name in ("island", "sex", "species") if name != target]
    return Pipeline.from_config(
        {
            "steps": [
                {"node": "TrainTestSplit", "config": {"target": target, "random_state": 4}},
                {"node": "OneHotEncoder", "config": {"columns": encoded}},
                {"node": "StandardScaler"},
            ],
            "model": {"node": model, "config": config},
        }
    )


def _brute_force(pipeline: Pipeline, row: pl.DataFrame, background: pl.DataFrame, says) -> dict[str, float]:
    """Shapley values from their definition: every set of columns, every background row."""
    names = pipeline.fitted.input_schema.names
    worth = {}
    for size in range(len(names) + 1):
        for some in itertools.combinations(names, size):
            mixed = background.with_columns(row[name].gather([0] * background.height) for name in some)
            worth[frozenset(some)] = float(says(mixed).mean())
    whole = factorial(len(names))
    found = {}
    for name in names:
        without = [some for some in worth if name not in some]
        found[name] = sum(
            factorial(len(some)) * factorial(len(names) - len(some) - 1) / whole * (worth[some | {name}] - worth[some])
            for some in without
        )
    return found


@pytest.mark.parametrize("model", ["random_forest_classifier", "extra_trees_classifier"])
def test_a_forest_behind_encoders_is_told_by_input_column_exactly(model: str) -> None:
    frame = _penguins().drop("year", "body_mass_g")
    pipeline = _pipeline(model, n_estimators=12).fit(frame)
    background, rows = frame[::30].drop("species"), frame[[3, 200]]

    found = explain(pipeline, rows, background=background)

    assert (found.method, found.per, found.unit) == ("trees", "column", "probability")
    for place, row in enumerate(found.rows):
        code = pipeline.fitted.classes.index(row.answer)
        expected = _brute_force(
            pipeline, rows[[place]].drop("species"), background, lambda f, k=code: pipeline.predict_proba(f)[:, k]
        )
        assert {each.name: each.amount for each in row.contributions} == pytest.approx(expected, abs=1e-9)
        assert row.score == pytest.approx(pipeline.predict_proba(rows)[place, code], abs=1e-9)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("hist_gradient_boosting_regressor", {"max_iter": 20}),
        ("gradient_boosting_regressor", {"n_estimators": 20}),
        ("xgboost_regressor", {"n_estimators": 20}),
        ("lgbm_regressor", {"n_estimators": 20}),
        ("decision_tree_regressor", {}),
        ("ridge_regression", {}),
        ("k_neighbors_regressor", {}),
        ("mlp_regressor", {"max_iter": 30}),
        (
            "voting_regressor",
            {
                "estimators": [
                    {"name": "a", "node": "ridge_regression"},
                    {"name": "b", "node": "decision_tree_regressor"},
                ]
            },
        ),
    ],
)
def test_contributions_add_up_to_the_prediction(model: str, config: dict) -> None:
    frame = _penguins()
    pipeline = _pipeline(model, "body_mass_g", **config).fit(frame)
    rows = frame[[0, 100, 300]]

    found = pipeline.explain(rows)

    answers = pipeline.predict(rows).to_list()
    for row, answer in zip(found.rows, answers, strict=True):
        assert row.score == pytest.approx(answer, rel=1e-5 if model.startswith("xgb") else 1e-9)
        assert row.base + sum(each.amount for each in row.contributions) == pytest.approx(row.score)
    assert Explanations.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


def test_log_odds_of_two_classes_turn_with_the_answer() -> None:
    frame = _penguins()
    pipeline = _pipeline("hist_gradient_boosting_classifier", "sex", max_iter=20).fit(frame)

    found = pipeline.explain(frame[:40])

    assert found.unit == "log-odds"
    for row in found.rows:
        assert 1 / (1 + np.exp(-row.score)) == pytest.approx(row.probability, abs=1e-9)
        assert row.score >= 0


def test_a_forest_is_told_as_shap_tells_it() -> None:
    data = load_diabetes()
    inputs = data.data[:, :6]
    names = [f"c{i}" for i in range(inputs.shape[1])]
    frame = pl.DataFrame(inputs, schema=names).with_columns(y=pl.Series(data.target))
    pipeline = Pipeline.from_config(
        {
            "steps": [{"node": "FeatureTargetSplit", "config": {"target": "y"}}],
            "model": {"node": "random_forest_regressor", "config": {"n_estimators": 15}},
        }
    ).fit(frame)
    model = RandomForestRegressor(n_estimators=15, random_state=0).fit(inputs, data.target)
    found = explain(pipeline, frame[50:53], background=frame[:40])

    masker = shap.maskers.Independent(inputs[:40], max_samples=40)
    told = shap.explainers.Exact(model.predict, masker)(inputs[50:53]).values
    for row, expected in zip(found.rows, told, strict=True):
        by_name = {each.name: each.amount for each in row.contributions}
        np.testing.assert_allclose([by_name[name] for name in names], expected, rtol=0, atol=1e-6)
    ours = found.to_shap()
    assert isinstance(ours, shap.Explanation)
    assert sorted(ours.feature_names) == sorted(names)
    np.testing.assert_allclose(ours.base_values + ours.values.sum(axis=1), pipeline.predict(frame[50:53]).to_numpy())


def test_columns_that_mix_in_features_are_sampled_with_an_error_and_exact_for_few() -> None:
    frame = _penguins()
    steps = [
        {"node": "TrainTestSplit", "config": {"target": "sex"}},
        {"node": "SelectColumns", "config": {"columns": ["bill_length_mm", "bill_depth_mm", "body_mass_g"]}},
        {"node": "PCA", "config": {"n_components": 2}},
    ]
    few = Pipeline.from_config({"steps": steps, "model": {"node": "logistic_regression"}}).fit(frame)
    many = _pipeline("k_neighbors_classifier").fit(frame)
    background = frame[::20]

    exact, sampled = few.explain(frame[:2], background=background), many.explain(frame[:2])

    assert (exact.method, exact.unit) == ("enumerated", "probability")
    names = few.fitted.input_schema.names
    code = few.fitted.classes.index(exact[0].answer)
    expected = _brute_force(few, frame[:1].select(names), background, lambda f: few.predict_proba(f)[:, code])
    assert {each.name: each.amount for each in exact[0].contributions} == pytest.approx(
        {name: expected[name] for name in (each.name for each in exact[0].contributions)}, abs=1e-9
    )
    assert sampled.method == "sampled"
    assert not sampled.exact
    assert any(each.error > 0 for each in sampled[0].contributions)
    assert many.explain(frame[:2]) == sampled


def test_rows_that_follow_on_each_other_are_told_by_feature() -> None:
    frame = pl.DataFrame({"t": list(range(80)), "x": [float(i % 9) for i in range(80)]}).with_columns(
        y=pl.col("x").shift(1).fill_null(0.0) * 2
    )
    pipeline = Pipeline.from_config(
        {
            "steps": [
                {"node": "TimeSplit", "config": {"target": "y", "column": "t"}},
                {"node": "LagFeatures", "config": {"columns": ["x"], "lags": [1], "sort_by": ["t"]}},
                {"node": "SimpleImputer"},
            ],
            "model": {"node": "ridge_regression"},
        }
    ).fit(frame)

    found = pipeline.explain(frame[40:50])

    assert found.per == "feature"
    largest = max(found.mean_absolute().items(), key=lambda item: item[1])[0]
    assert largest not in ("x", "t")


def test_sentences_say_what_speaks_for_the_answer_and_against_it() -> None:
    frame = _penguins()
    pipeline = _pipeline("logistic_regression").fit(frame)

    said = pipeline.explain(frame[:5]).sentences(most=2)

    assert said[0].startswith("species is Adelie (100% sure) because ")
    assert said[0].endswith(".")
    numbers = _pipeline("ridge_regression", "body_mass_g").fit(frame).explain(frame[:1]).sentences()
    assert " below the usual " in numbers[0]
    assert "because" in numbers[0]


def test_a_loaded_pipeline_compares_with_the_rows_that_it_compared_with_before(tmp_path) -> None:
    frame = _penguins()
    pipeline = _pipeline("logistic_regression").fit(frame)

    loaded = Pipeline.load(pipeline.save(tmp_path / "bundle"))

    found = loaded.explain(frame[:1])
    assert found.background == len(loaded.fitted.background) == 100
    assert found == pipeline.explain(frame[:1])


def test_importances_are_those_of_the_kind_by_feature_and_by_column() -> None:
    frame = _penguins()
    linear = _pipeline("logistic_regression", "sex").fit(frame)
    gains = _pipeline("random_forest_classifier", n_estimators=10).fit(frame)
    splits = _pipeline("hist_gradient_boosting_classifier", max_iter=5).fit(frame)

    found = {name: importances(each) for name, each in (("linear", linear), ("gains", gains), ("splits", splits))}

    assert [each.kind for each in found.values()] == ["coefficients", "gains", "splits"]
    assert set(linear.fitted.model.features) == {each.name for each in found["linear"].features}
    assert all(len(each.values) == 1 for each in found["linear"].features)
    assert {each.name for each in found["gains"].columns} <= set(frame.columns)
    for each in found.values():
        assert sum(one.share for one in each.columns) == pytest.approx(1.0)
        assert Importances.from_dict(json.loads(json.dumps(each.to_dict()))) == each
    with pytest.raises(NotFittedError, match="permutation_importance"):
        importances(_pipeline("k_neighbors_classifier").fit(frame))
