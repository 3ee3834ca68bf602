"""Our estimators inside scikit-learn's own tools: containers, cloning, searches, pipelines, pickles."""

import io
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skyulf_core import Pipeline as SkyulfPipeline
from skyulf_core.interop import SkyulfClassifier, SkyulfRegressor, SkyulfTransformer

PEOPLE = pd.DataFrame(
    {
        "age": [20.0, None, 40.0, 60.0, 33.0, 51.0],
        "city": ["Rome", "Oslo", None, "Rome", "Oslo", "Bonn"],
        "paid": [1, 0, 1, 1, 0, 0],
    },
    index=list("abcdef"),
)
ENCODED = ["age", "paid", "city_Bonn", "city_Oslo", "city_Rome"]
FILLED = [{"node": "SimpleImputer"}, {"node": "StandardScaler"}]


def encoder():
    return SkyulfTransformer("OneHotEncoder", columns=["city"])


def test_arrays_come_out_unless_another_container_is_asked_for():
    fitted = encoder().fit(PEOPLE)

    found = fitted.transform(PEOPLE)

    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float64
    assert found[0].tolist() == [20, 1, 0, 0, 1]
    assert np.isnan(found[1, 0])


def test_set_output_gives_pandas_with_its_index_and_polars():
    as_pandas = encoder().set_output(transform="pandas").fit_transform(PEOPLE)
    as_polars = encoder().set_output(transform="polars").fit_transform(PEOPLE)

    assert isinstance(as_pandas, pd.DataFrame)
    assert list(as_pandas.columns) == ENCODED
    assert list(as_pandas.index) == list("abcdef")
    assert isinstance(as_polars, pl.DataFrame)
    assert as_polars.columns == ENCODED
    assert as_polars["city_Rome"].to_list() == [1, 0, 0, 1, 0, 0]


def test_set_output_can_be_taken_back_and_is_refused_for_unknown_containers():
    transformer = encoder().set_output(transform="pandas").fit(PEOPLE)

    assert isinstance(transformer.set_output(transform=None).transform(PEOPLE), pd.DataFrame)  # None: as it is
    assert isinstance(transformer.set_output(transform="default").transform(PEOPLE), np.ndarray)
    with pytest.raises(ValueError, match=r"one of default.*pandas.*polars.*not 'arrow'"):
        transformer.set_output(transform="arrow")


def test_the_container_of_scikit_learns_context_is_followed():
    fitted = encoder().fit(PEOPLE)

    with config_context(transform_output="polars"):
        assert isinstance(fitted.transform(PEOPLE), pl.DataFrame)
        assert isinstance(fitted.set_output(transform="default").transform(PEOPLE), np.ndarray)


def test_text_comes_out_as_objects_where_not_everything_is_a_number():
    found = SkyulfTransformer("SimpleImputer").fit_transform(PEOPLE)

    assert found.dtype == object
    assert found[2].tolist() == [40.0, None, 1]


def test_names_of_what_comes_out_are_the_names_of_the_columns():
    assert encoder().fit(PEOPLE).get_feature_names_out().tolist() == ENCODED
    assert encoder().fit(PEOPLE).get_feature_names_out(list(PEOPLE.columns)).tolist() == ENCODED
    assert SkyulfTransformer("PCA", n_components=2).fit(np.eye(4)).get_feature_names_out().tolist() == [
        "pca_1", "pca_2",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        encoder().fit(PEOPLE).get_feature_names_out(["a", "b", "c"])
    with pytest.raises(NotFittedError):
        encoder().get_feature_names_out()


def test_columns_in_another_order_and_missing_ones_are_refused_as_scikit_learn_does():
    fitted = encoder().fit(PEOPLE)

    with pytest.raises(ValueError, match="same order"):
        fitted.transform(PEOPLE[["city", "age", "paid"]])
    with pytest.raises(ValueError, match=r"missing:\s+- city"):
        fitted.transform(PEOPLE.drop(columns="city"))


def test_columns_that_are_numbered_are_called_x0_x1():
    numbered = PEOPLE.set_axis([0, 1, 2], axis=1)

    fitted = SkyulfTransformer("OneHotEncoder").set_output(transform="pandas").fit(numbered)

    assert list(fitted.transform(numbered).columns) == ["x0", "x2", "x1_Bonn", "x1_Oslo", "x1_Rome"]
    assert not hasattr(fitted, "feature_names_in_")


def test_frames_that_this_library_refuses_are_value_errors():
    with pytest.raises(ValueError, match="column 'a' mixes"):
        SkyulfTransformer().fit(pd.DataFrame({"a": [1, "x", 2.5]}))
    with pytest.raises(ValueError, match="pattern of names"):
        SkyulfTransformer().fit(pl.DataFrame({"*": [1, 2]}))


def test_parameters_are_read_set_cloned_and_shown():
    transformer = SkyulfTransformer("OneHotEncoder", columns=["city"], max_categories=2)

    transformer.set_params(max_categories=3).set_params(drop_first=True)
    copy = clone(transformer)

    expected = {"node": "OneHotEncoder", "columns": ["city"], "max_categories": 3, "drop_first": True}
    assert transformer.get_params() == expected
    assert copy.get_params() == expected
    assert copy is not transformer
    for part in ("OneHotEncoder", "max_categories=3"):
        assert part in repr(transformer)


def test_a_parameter_that_a_node_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match=r"Invalid parameter 'strategie' for SimpleImputer.*'strategy'"):
        SkyulfTransformer("SimpleImputer").set_params(strategie="mean")
    with pytest.raises(ValueError, match=r"SimpleImputer has no parameter 'strategie'\. Did you mean 'strategy'"):
        SkyulfTransformer("SimpleImputer", strategie="mean").fit(PEOPLE)


@pytest.mark.parametrize("node", ["TrainTestSplit", "DropMissingRows", "LagFeatures", "logistic_regression"])
def test_nodes_without_a_place_in_scikit_learns_pipelines_are_refused(node):
    with pytest.raises(ValueError, match=rf"{node} is a .* node; a transformer can be"):
        SkyulfTransformer(node).fit(PEOPLE)


def test_a_node_that_needs_several_tables_is_refused():
    with pytest.raises(ValueError, match="Merge makes one table of several"):
        SkyulfTransformer("Merge").fit(PEOPLE)


def test_an_unknown_node_is_refused_with_the_nearest_one():
    with pytest.raises(ValueError, match="Did you mean 'SimpleImputer'"):
        SkyulfTransformer("SimpleImputr").fit(PEOPLE)
    with pytest.raises(ValueError, match="Did you mean 'logistic_regression'"):
        SkyulfClassifier("logistic_regresion").fit([[1.0], [2.0]], [0, 1])


def test_encoders_of_the_target_give_training_rows_cross_fitted_values():
    matrix = pl.DataFrame({"city": ["a", "b"] * 20})
    target = np.array([0.0, 1.0] * 19 + [1.0, 0.0])

    seen = SkyulfTransformer("TargetEncoder", random_state=3).fit_transform(matrix, target)
    applied = SkyulfTransformer("TargetEncoder", random_state=3).fit(matrix, target).transform(matrix)

    assert len(np.unique(applied)) == 2
    assert len(np.unique(seen)) > 2


def column_transformer():
    numbers = make_pipeline(SkyulfTransformer("SimpleImputer", strategy="median"), SkyulfTransformer())
    return ColumnTransformer(
        [
            ("numbers", numbers, ["age", "paid"]),
            ("texts", SkyulfTransformer("OneHotEncoder"), ["city"]),
        ]
    )


def test_nodes_work_inside_a_column_transformer_with_every_container():
    expected = column_transformer().fit_transform(PEOPLE)
    names = ["numbers__age", "numbers__paid", "texts__city_Bonn", "texts__city_Oslo", "texts__city_Rome"]

    as_pandas = column_transformer().set_output(transform="pandas").fit_transform(PEOPLE)
    as_polars = column_transformer().set_output(transform="polars").fit(pl.from_pandas(PEOPLE))

    assert expected.shape == (6, 5)
    assert list(as_pandas.columns) == names
    assert np.array_equal(as_pandas.to_numpy(), expected)
    assert as_polars.get_feature_names_out().tolist() == names
    assert np.array_equal(as_polars.transform(pl.from_pandas(PEOPLE)).to_numpy(), expected)


def test_a_grid_search_sets_parameters_of_nodes_and_finds_what_scikit_learn_finds():
    matrix, target = load_wine(return_X_y=True)
    ours = Pipeline([("scale", SkyulfTransformer("StandardScaler")), ("model", LogisticRegression(max_iter=1000))])
    theirs = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression(max_iter=1000))])

    grid = {"scale__with_std": [True, False], "model__C": [0.01, 1.0]}
    found = GridSearchCV(ours, grid, cv=3, n_jobs=1).fit(matrix, target)

    expected = GridSearchCV(theirs, grid, cv=3, n_jobs=1).fit(matrix, target)
    assert found.best_params_ == expected.best_params_
    np.testing.assert_allclose(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"], rtol=0, atol=1e-12
    )


def test_a_grid_search_chooses_nodes_models_and_their_configurations():
    matrix, target = load_wine(return_X_y=True)
    grid = {
        "steps": [None, [{"node": "SelectColumns", "config": {"columns": ["x2"]}}]],
        "model_config": [{"n_estimators": 1}, {"n_estimators": 20}],
    }

    found = GridSearchCV(SkyulfClassifier("random_forest_classifier"), grid, cv=3).fit(matrix, target)

    assert found.best_params_ == {"steps": None, "model_config": {"n_estimators": 20}}
    assert found.best_score_ > 0.9


def test_predictors_cross_validate_as_scikit_learns_do():
    matrix, target = load_wine(return_X_y=True)
    ours = SkyulfClassifier(steps=FILLED)
    theirs = make_pipeline(StandardScaler(), LogisticRegression())

    assert np.array_equal(cross_val_predict(ours, matrix, target), cross_val_predict(theirs, matrix, target))
    np.testing.assert_allclose(
        cross_val_predict(ours, matrix, target, method="predict_proba"),
        cross_val_predict(theirs, matrix, target, method="predict_proba"),
        rtol=0, atol=1e-9,
    )  # fmt: skip
    scores = cross_val_score(SkyulfRegressor(steps=FILLED), *load_diabetes(return_X_y=True), cv=3)
    assert scores.min() > 0.4


LABELS = {
    "texts": np.array(["red", "white"]),
    "objects": np.array(["red", "white"], dtype=object),
    "numbers": np.array([7, 3]),
    "floats": np.array([2.0, 1.0]),
    "booleans": np.array([True, False]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_labels_come_back_as_they_were_given_and_are_those_of_the_fitted_pipeline(kind, tmp_path):
    labels = LABELS[kind][np.array([0, 1, 1, 0, 1, 0])]
    rows = PEOPLE.assign(age=PEOPLE["age"].fillna(1)).drop(columns="city")

    classifier = SkyulfClassifier("random_forest_classifier", model_config={"n_estimators": 20}).fit(rows, labels)

    found = classifier.predict(rows)
    assert found.dtype == labels.dtype
    assert found.tolist() == labels.tolist()
    assert classifier.classes_.tolist() == sorted(set(labels.tolist()))
    assert classifier.pipeline_.fitted.classes == tuple(classifier.classes_.tolist())
    loaded = SkyulfPipeline.load(classifier.pipeline_.save(tmp_path / "bundle"))
    assert loaded.predict(rows).tolist() == labels.tolist()


def test_a_column_that_is_called_target_is_a_feature_like_any_other():
    rows = pl.DataFrame({"target": [1.0, 2.0, 8.0, 9.0]})

    classifier = SkyulfClassifier().fit(rows, ["low", "low", "high", "high"])

    assert classifier.predict(pl.DataFrame({"target": [0.0, 10.0]})).tolist() == ["low", "high"]


def test_missing_values_are_refused_in_scikit_learns_words_and_ours():
    with pytest.raises(ValueError, match=r"Input X contains NaN: .*SimpleImputer"):
        SkyulfClassifier().fit(PEOPLE[["age"]], [0, 1, 0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"Input X contains NaN: PCA: column 'age'"):
        SkyulfTransformer("PCA", n_components=1).fit(PEOPLE[["age", "paid"]])


def test_predictors_are_cloned_with_their_parameters():
    classifier = SkyulfClassifier("random_forest_classifier", steps=FILLED, model_config={"n_estimators": 3})

    copy = clone(classifier.fit(PEOPLE[["age"]], [0, 1, 0, 1, 0, 1]))

    assert copy.get_params() == classifier.get_params()
    assert not hasattr(copy, "pipeline_")
    assert re.search(r"SkyulfClassifier\(.*random_forest_classifier", repr(copy), re.DOTALL)


def pickled(estimator):
    return pickle.loads(pickle.dumps(estimator))


def dumped_by_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


@pytest.mark.parametrize("copy_of", [pickled, dumped_by_joblib, clone], ids=["pickle", "joblib", "clone"])
def test_copies_give_the_same_and_keep_the_container(copy_of):
    transformer = column_transformer().set_output(transform="pandas").fit(PEOPLE)
    classifier = SkyulfClassifier(steps=FILLED).fit(PEOPLE[["age", "paid"]], [0, 1, 0, 1, 0, 1])
    regressor = SkyulfRegressor(steps=FILLED).fit(PEOPLE[["age"]], PEOPLE["paid"])

    copies = copy_of(transformer), copy_of(classifier), copy_of(regressor)
    if copy_of is clone:
        copies[0].fit(PEOPLE)
        copies[1].fit(PEOPLE[["age", "paid"]], [0, 1, 0, 1, 0, 1])
        copies[2].fit(PEOPLE[["age"]], PEOPLE["paid"])

    pd.testing.assert_frame_equal(copies[0].transform(PEOPLE), transformer.transform(PEOPLE))
    rows = PEOPLE[["age", "paid"]]
    assert np.array_equal(copies[1].predict_proba(rows), classifier.predict_proba(rows))
    assert np.array_equal(copies[2].predict(PEOPLE[["age"]]), regressor.predict(PEOPLE[["age"]]))


def test_searches_run_in_several_processes():
    matrix, target = load_wine(return_X_y=True)
    search = GridSearchCV(SkyulfClassifier(steps=FILLED), {"model_config": [{"C": 0.1}, {"C": 1.0}]}, cv=2, n_jobs=2)

    assert search.fit(matrix, target).best_score_ > 0.9


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SkyulfClassifier("logistic_regression"), LogisticRegression(max_iter=100)),
        (SkyulfRegressor("linear_regression"), LinearRegression()),
    ],
)
def test_weights_of_rows_reach_the_model(ours, theirs):
    draw = np.random.default_rng(0)
    x, weights = draw.normal(size=(80, 3)), draw.uniform(0, 3, 80)
    y = (x[:, 0] + draw.normal(0, 0.5, 80) > 0).astype(int)

    found = clone(ours).fit(x, y, sample_weight=weights)

    expected = theirs.fit(x, y, sample_weight=weights)
    of = "predict_proba" if hasattr(theirs, "predict_proba") else "predict"
    assert np.allclose(getattr(found, of)(x), getattr(expected, of)(x), atol=1e-9)
    assert not np.allclose(getattr(found, of)(x), getattr(clone(ours).fit(x, y), of)(x), atol=1e-3)


def test_weights_that_cannot_be_are_refused():
    x, y = np.arange(8.0).reshape(-1, 1), np.array([0, 1] * 4)

    with pytest.raises(ValueError, match="k_neighbors_classifier cannot weigh rows"):
        SkyulfClassifier("k_neighbors_classifier").fit(x, y, sample_weight=np.ones(8))
    with pytest.raises(ValueError, match="Negative values"):
        SkyulfClassifier().fit(x, y, sample_weight=[-1.0] + [1.0] * 7)
    with pytest.raises(ValueError, match="only one class has weights above 0: 0"):
        SkyulfClassifier().fit(x, y, sample_weight=1 - y)
