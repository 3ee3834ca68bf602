"""Explanations from the serving plan, on numpy alone: they are those of the library, from the saved bundle."""

import json
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_diabetes
from skyulf_core import Pipeline
from skyulf_core.bundle.writing import bundle_files
from skyulf_core.serving import PlanError, RowError, load_plan
from skyulf_core.serving.explaining import (
    ExplanationError,
    ExplanationTooLargeError,
    PlanExplainer,
    load_explainer,
)
from skyulf_core.serving.explaining.pair_values import pair_values
from skyulf_core.serving.explaining.sums import sum_of
from skyulf_core.serving.explaining.tree_values import leaf_weights, tree_values

FOREST = {"n_estimators": 15, "random_state": 3}


def _breast_cancer(columns: int = 30) -> pl.DataFrame:
    data = load_breast_cancer()
    names = [f"c{i}" for i in range(columns)]
    return pl.DataFrame(data.data[:, :columns], schema=names).with_columns(
        y=pl.Series(data.target_names[data.target].tolist())
    )


def _diabetes() -> pl.DataFrame:
    data = load_diabetes()
    return pl.DataFrame(data.data, schema=data.feature_names).with_columns(y=pl.Series(data.target))


def _penguins() -> pl.DataFrame:
    return pl.from_pandas(load_penguins())  # with nulls in numbers and in `sex`


def _fit(frame: pl.DataFrame, target: str, model: str, *steps: dict, **rest: object) -> Pipeline:
    config = rest.pop("config", {})
    split = {"node": "TrainTestSplit", "config": {"target": target, "random_state": 2}}
    whole = {"steps": [split, *steps], "model": {"node": model, "config": config}, **rest}
    return Pipeline.from_config(whole).fit(frame)


def _json_rows(frame: pl.DataFrame, pipeline: Pipeline) -> list[dict]:
    rows = frame.select(pipeline.fitted.input_schema.names).to_dicts()
    return json.loads(json.dumps(rows, default=lambda value: value.isoformat()))


def _assert_the_plan_says_the_same(pipeline: Pipeline, rows: pl.DataFrame):
    """Compare the library with the plan that is read back from the files of a bundle."""
    files = bundle_files(pipeline.fitted)
    explainer = load_explainer(load_plan(files), files)

    found, expected = explainer.explain(_json_rows(rows, pipeline)), pipeline.explain(rows)

    assert (found.method, found.per, found.unit) == (expected.method, expected.per, expected.unit)
    assert (found.target, found.background, len(found)) == (expected.target, expected.background, len(expected))
    for row, wanted in zip(found.rows, expected.rows, strict=True):
        assert row.answer == wanted.answer
        assert row.probability == pytest.approx(wanted.probability, abs=1e-9)
        assert (row.base, row.score) == pytest.approx((wanted.base, wanted.score), rel=1e-9, abs=1e-9)
        named = {each.name: each for each in wanted.contributions}
        assert named.keys() == {each.name for each in row.contributions}
        for each in row.contributions:
            assert each.value == named[each.name].value
            size = max(1.0, abs(wanted.score))
            assert each.amount == pytest.approx(named[each.name].amount, abs=1e-9 * size)
            assert each.error == pytest.approx(named[each.name].error, abs=1e-9 * size)
    json.dumps(found.to_dict(), allow_nan=False)
    return found


IMPUTE = {"node": "SimpleImputer", "config": {"strategy": "median"}}
FILL = {"node": "SimpleImputer", "config": {"columns": ["sex"], "strategy": "most_frequent"}}
SCALE = {"node": "StandardScaler", "config": {}}


@pytest.mark.parametrize(
    ("model", "config", "method", "unit"),
    [
        ("logistic_regression", {}, "linear", "log-odds"),
        ("random_forest_classifier", FOREST, "trees", "probability"),
        ("hist_gradient_boosting_classifier", {"max_iter": 20}, "trees", "log-odds"),
        ("gradient_boosting_classifier", {"n_estimators": 10}, "trees", "log-odds"),
        ("xgboost_classifier", {"n_estimators": 10}, "trees", "log-odds"),
        ("lgbm_classifier", {"n_estimators": 10}, "trees", "log-odds"),
        ("k_neighbors_classifier", {}, "sampled", "probability"),
    ],
)
def test_breast_cancer_is_explained_as_by_the_library(model: str, config: dict, method: str, unit: str) -> None:
    frame = _breast_cancer()
    pipeline = _fit(frame, "y", model, SCALE, config=config)

    found = _assert_the_plan_says_the_same(pipeline, frame[[1, 80, 300]])

    assert (found.method, found.unit) == (method, unit)


@pytest.mark.parametrize(
    ("model", "config", "method"),
    [
        ("ridge_regression", {}, "linear"),
        ("random_forest_regressor", FOREST, "trees"),
        ("hist_gradient_boosting_regressor", {"max_iter": 20}, "trees"),
        ("poisson_regression", {}, "linear"),
        ("mlp_regressor", {"max_iter": 400}, "sampled"),
        ("adaboost_regressor", {"n_estimators": 10}, "sampled"),
    ],
)
@pytest.mark.filterwarnings("ignore::skyulf_core.problems.FitWarning")
def test_diabetes_is_explained_as_by_the_library(model: str, config: dict, method: str) -> None:
    frame = _diabetes()
    pipeline = _fit(frame, "y", model, SCALE, config=config)

    found = _assert_the_plan_says_the_same(pipeline, frame[[5, 200]])

    assert found.method == method


@pytest.mark.parametrize(
    ("model", "config", "steps"),
    [
        ("hist_gradient_boosting_classifier", {"max_iter": 15}, []),
        ("logistic_regression", {}, [IMPUTE, FILL]),
        ("random_forest_classifier", FOREST, [IMPUTE, FILL]),
        ("bernoulli_nb", {}, [IMPUTE, FILL]),
        ("sgd_classifier", {}, [IMPUTE, FILL]),
        ("gaussian_nb", {}, [IMPUTE, FILL]),
    ],
)
def test_penguins_with_categories_and_nulls_are_explained_as_by_the_library(model, config, steps) -> None:
    frame = _penguins()
    encode = {"node": "OneHotEncoder", "config": {"columns": ["island", "sex"]}}
    pipeline = _fit(frame, "species", model, *steps, encode, config=config)

    found = _assert_the_plan_says_the_same(pipeline, frame[[0, 3, 9, 200, 340]])

    assert {each.name for each in found[0].contributions} == set(pipeline.fitted.input_schema.names)


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("model", ["logistic_regression", "hist_gradient_boosting_classifier", "gaussian_nb"])
def test_calibration_and_threshold_come_after_what_is_explained(model: str, calibration: str) -> None:
    frame = _breast_cancer(6)
    validation = {"calibration": {"method": calibration}, "threshold": {"metric": "f1_macro"}}
    pipeline = _fit(frame, "y", model, SCALE, validation=validation)

    found = _assert_the_plan_says_the_same(pipeline, frame[[1, 80, 300]])

    assert pipeline.fitted.calibration is not None
    assert pipeline.fitted.threshold is not None
    chances = pipeline.predict_proba(frame[[1, 80, 300]])
    for place, row in enumerate(found.rows):
        assert row.probability == pytest.approx(chances[row.answer][place], abs=1e-9)


def test_columns_that_mix_in_features_are_asked_from_outside_with_the_same_draws() -> None:
    frame = _breast_cancer(12)
    pca = {"node": "PCA", "config": {"n_components": 3}}
    sampled = _fit(frame, "y", "random_forest_classifier", SCALE, pca, config=FOREST)
    few = _fit(frame.select("c0", "c1", "c2", "y"), "y", "logistic_regression", SCALE, pca)

    assert _assert_the_plan_says_the_same(sampled, frame[:2]).method == "sampled"
    assert _assert_the_plan_says_the_same(few, frame[:2]).method == "enumerated"


@pytest.mark.parametrize("model", ["ridge_regression", "k_neighbors_regressor"])
def test_rows_that_follow_on_each_other_are_told_by_feature_from_the_plan_too(model: str) -> None:
    days = [date(2024, 1, 1) + timedelta(days=i) for i in range(90)]
    frame = pl.DataFrame({"t": days, "x": [float(i % 9) for i in range(90)]}).with_columns(
        y=pl.col("x").shift(1).fill_null(0.0) * 2
    )
    lags = {"node": "LagFeatures", "config": {"columns": ["x"], "lags": [1, 2], "sort_by": ["t"]}}
    steps = [
        {"node": "TimeSplit", "config": {"target": "y", "column": "t"}},
        lags,
        {"node": "DropColumns", "config": {"columns": ["t"]}},
        {"node": "SimpleImputer"},
    ]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": model}}).fit(frame)

    assert _assert_the_plan_says_the_same(pipeline, frame[40:50]).per == "feature"


@pytest.mark.parametrize("model", ["kmeans", "gaussian_mixture", "isolation_forest"])
def test_models_without_a_target_are_explained_by_their_share_or_score(model: str) -> None:
    frame = _breast_cancer(4).drop("y")
    pipeline = Pipeline.from_config({"steps": [SCALE], "model": {"node": model}}).fit(frame)

    found = _assert_the_plan_says_the_same(pipeline, frame[[0, 50, 120, 300]])

    assert found.unit == ("score" if model == "isolation_forest" else "share")
    if found.unit == "share":
        assert [row.score for row in found.rows] == pytest.approx([1.0] * 4)  # of the cluster that each of them is in


def test_dates_and_large_numbers_are_shown_as_they_were_sent() -> None:
    frame = pl.DataFrame(
        {
            "day": [date(2024, 1, 1) + timedelta(days=i % 200) for i in range(300)],
            "number": [2**53 + i for i in range(300)],
            "text": [None if i % 7 == 0 else "ab"[i % 2] for i in range(300)],
        }
    ).with_columns(y=pl.col("day").dt.month() * 1.5)
    parts = {"node": "DateParts", "config": {"columns": ["day"], "parts": ["month", "day"]}}
    encode = {"node": "OneHotEncoder", "config": {"columns": ["text"]}}
    pipeline = _fit(frame, "y", "hist_gradient_boosting_regressor", parts, encode, config={"max_iter": 10})

    found = _assert_the_plan_says_the_same(pipeline, frame[[0, 14, 31]])

    shown = {each.name: each.value for each in found[1].contributions}
    assert shown["day"] == "2024-01-15"
    assert shown["text"] is None


def test_the_background_of_a_bundle_are_training_rows_and_is_read_back(tmp_path) -> None:
    frame = _penguins().drop_nulls("body_mass_g").with_columns(place=pl.int_range(pl.len()))
    pipeline = _fit(frame, "body_mass_g", "hist_gradient_boosting_regressor",
                    {"node": "OneHotEncoder", "config": {"columns": ["island", "sex", "species"]}})  # fmt: skip

    loaded = Pipeline.load(pipeline.save(tmp_path / "bundle"))

    background = pipeline.fitted.background
    assert loaded.fitted.background == background
    assert len(background) == 100
    assert "body_mass_g" not in background[0]
    held_out = set(pipeline.held_out["place"].to_list())
    assert not held_out & {row["place"] for row in background}
    assert loaded.explain(frame[:3]) == pipeline.explain(frame[:3])


def test_a_background_is_at_most_a_mebibyte() -> None:
    frame = pl.DataFrame({"text": [f"{i} " + "word " * 4_000 for i in range(200)], "y": [i % 2 for i in range(200)]})
    pipeline = _fit(frame, "y", "logistic_regression", {"node": "HashingVectorizer", "config": {"columns": ["text"]}})

    files = bundle_files(pipeline.fitted)

    assert 30 < len(pipeline.fitted.background) < 100
    assert len(files["background.json"]) <= 1 << 20
    load_explainer(load_plan(files), files)


def test_rows_with_infinite_numbers_are_no_background() -> None:
    frame = _breast_cancer(4).with_columns(
        c0=pl.when(pl.int_range(pl.len()) % 2 > 0).then("c0").otherwise(pl.lit(np.inf))
    )
    mend = {"node": "InvalidValueReplacement", "config": {"columns": ["c0"], "rule": "inf"}}
    pipeline = _fit(frame, "y", "logistic_regression", mend, IMPUTE)

    assert all(row["c0"] is not None for row in pipeline.fitted.background)
    _assert_the_plan_says_the_same(pipeline, _breast_cancer(4)[:2])


def test_a_bundle_without_a_background_is_explained_by_its_golden_rows() -> None:
    frame = _breast_cancer(5)
    files = bundle_files(_fit(frame, "y", "logistic_regression").fitted)
    del files["background.json"]

    explainer = load_explainer(load_plan(files), files)

    assert explainer.background == json.loads(files["golden.json"])["rows"]
    assert explainer.explain(_breast_cancer(5).drop("y")[:1].to_dicts()).background == 20


def _broken(**changes: object) -> bytes:
    good = {"format": "skyulf.background/1", "rows": [{"c0": 1.0, "c1": 2.0}]}
    return json.dumps({**good, **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x80\x04nonsense", b"[]", b"[" * 200_000, b"null",
        _broken(format="skyulf.background/9"), _broken(rows=[]), _broken(rows="x"), _broken(rows=[1]),
        _broken(rows=[{}]), _broken(rows=[{"c0": "text", "c1": 1.0}]), _broken(rows=[{"c0": None, "c1": 1.0}]),
        _broken(rows=[{"c0": 1.0, "c1": 2.0, "c9": 1}]), _broken(rows=[{"c0": 1.0, "c1": 2.0}] * 101),
        _broken(rows=[{"c0": 1.0, "c1": 2.0, "pad": "x" * (2 << 20)}]),
        b'{"format": "skyulf.background/1", "rows": [{"c0": NaN, "c1": 1.0}]}',
    ],
)  # fmt: skip
def test_a_damaged_background_is_refused(data: bytes) -> None:
    files = bundle_files(_fit(_breast_cancer(2), "y", "logistic_regression", SCALE).fitted)
    plan = load_plan(files)

    with pytest.raises(PlanError):
        load_explainer(plan, {**files, "background.json": data})


def test_a_background_of_endless_numbers_makes_an_error_and_no_contribution_that_is_none() -> None:
    files = bundle_files(_fit(_breast_cancer(2), "y", "logistic_regression").fitted)
    files["background.json"] = _broken(rows=[{"c0": 1e307, "c1": 1e-3}] * 100)
    explainer = load_explainer(load_plan(files), files)

    with pytest.raises(ExplanationError, match="too large"):
        explainer.explain([{"c0": 1.0, "c1": 2.0}])


def test_bad_rows_too_many_rows_and_nothing_to_compare_with_are_errors_that_say_so() -> None:
    frame = _breast_cancer(8)
    files = bundle_files(_fit(frame, "y", "k_neighbors_classifier").fitted)
    explainer, rows = load_explainer(load_plan(files), files), frame.drop("y").to_dicts()

    with pytest.raises(RowError) as refused:
        explainer.explain([rows[0], {**rows[1], "c3": "text"}])
    assert [(problem.row_index, problem.field) for problem in refused.value.problems] == [(1, "c3")]
    with pytest.raises(ExplanationTooLargeError, match="send at most 2") as large:
        explainer.explain(rows[:3], most_cells=15_000)
    assert large.value.rows == 2
    assert len(explainer.explain(rows[:2], most_cells=15_000)) == 2
    with pytest.raises(ExplanationError, match="no rows to compare with"):
        PlanExplainer(explainer.model, []).explain(rows[:1])


@pytest.mark.parametrize("model", ["k_neighbors_classifier", "svc", "random_forest_classifier", "logistic_regression"])
def test_the_work_is_done_in_steps_that_can_be_left(model: str) -> None:
    frame = _breast_cancer(20)
    files = bundle_files(_fit(frame, "y", model).fitted)
    explainer, rows = load_explainer(load_plan(files), files), frame.drop("y")[:4].to_dicts()

    done, steps = [], explainer.steps(rows)
    while True:
        try:
            done.append(next(steps))
        except StopIteration as end:
            found = end.value
            break

    assert (done[0], done[-1]) == (0, 4)
    assert done == sorted(set(done))
    assert found == explainer.explain(rows)


def test_deep_forests_are_told_the_same_by_pairs_of_rows_as_by_all_their_nodes() -> None:
    rng = np.random.default_rng(5)
    inputs = rng.normal(size=(1_500, 6))
    kinds = (inputs[:, 0] * inputs[:, 1] > 0).astype(int) + (inputs[:, 2] > 0.7) + rng.integers(0, 2, 1_500)
    frame = pl.DataFrame(inputs, schema=[f"c{i}" for i in range(6)]).with_columns(y=pl.Series(kinds).cast(pl.String))
    pipeline = _fit(frame, "y", "random_forest_classifier", config={"n_estimators": 12, "random_state": 0})
    forest = sum_of(pipeline.fitted.plan()).op
    rows, background, players = inputs[:3].copy(), inputs[100:140], np.array([0, 1, 1, 2, 3, 4])
    rows[0, 0] = np.nan
    one_by_one = [
        tree_values(forest, rows, background, players, 5),
        pair_values(forest, rows, background, players, 5, leaf_weights(64)),
    ]

    assert len(forest.feature) > 4_000
    scale = len(forest.roots)
    np.testing.assert_allclose(one_by_one[1][0] / scale, one_by_one[0][0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(one_by_one[1][1] / scale, one_by_one[0][1], rtol=0, atol=1e-12)


def test_explanations_are_the_same_whatever_stands_beside_a_row() -> None:
    frame = _breast_cancer(8)
    files = bundle_files(_fit(frame, "y", "k_neighbors_classifier").fitted)
    explainer, rows = load_explainer(load_plan(files), files), frame.drop("y")[:3].to_dicts()

    together = explainer.explain(rows)

    for row, found in zip(rows, together.rows, strict=True):
        alone = explainer.explain([row])[0]
        assert alone.answer == found.answer
        assert {each.name: each.amount for each in alone.contributions} == pytest.approx(
            {each.name: each.amount for each in found.contributions}, abs=1e-12
        )
        assert np.isclose(alone.base + sum(each.amount for each in alone.contributions), alone.score)
