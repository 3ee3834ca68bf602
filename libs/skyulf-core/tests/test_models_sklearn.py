"""Every model against scikit-learn's own estimator, on real data: same labels, same probabilities."""

import numpy as np
import polars as pl
import pytest
from sklearn import datasets
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, Ridge
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import DataError
from skyulf_core.serving import InputColumn, PlanDocument, PlanModel, label_key

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DATASETS = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
    "diabetes": datasets.load_diabetes,
}
CLASSIFIERS = {
    "logistic_regression": (LogisticRegression, {}),
    "random_forest_classifier": (RandomForestClassifier, {"n_estimators": 30, "random_state": 7}),
    "hist_gradient_boosting_classifier": (HistGradientBoostingClassifier, {"max_iter": 20, "random_state": 7}),
}
REGRESSORS = {
    "ridge": ("ridge_regression", Ridge, {}),
    "boosting": ("hist_gradient_boosting_regressor", HistGradientBoostingRegressor, {"random_state": 7}),
    "poisson": (
        "hist_gradient_boosting_regressor",
        HistGradientBoostingRegressor,
        {"random_state": 7, "loss": "poisson"},
    ),
    "quantile": (
        "hist_gradient_boosting_regressor",
        HistGradientBoostingRegressor,
        {"random_state": 7, "loss": "quantile", "quantile": 0.9},
    ),
}
ACCEPT_NULLS = ("random_forest_classifier", "hist_gradient_boosting_classifier", "hist_gradient_boosting_regressor")


def data(name, *, nulls=False):
    matrix, target = DATASETS[name](return_X_y=True)
    matrix = matrix.astype(float)
    if nulls:
        matrix[np.random.default_rng(1).random(matrix.shape) < 0.1] = np.nan
    return matrix, target, to_frame(matrix)


def to_frame(matrix):
    return pl.DataFrame({f"f{i}": matrix[:, i] for i in range(matrix.shape[1])}).fill_nan(None)


def fit(name, frame, target, **config):
    entry = NodeRegistry.get(name)
    return entry.applier, entry.calculator.fit(frame, target, entry.config_model(**config))


def plan_of(applier, params, frame, classes):
    schema = [InputColumn(name, "float", True) for name in frame.columns]
    ops = applier.plan(params, features=frame.columns, classes=classes)
    return PlanModel(PlanDocument("regression" if classes is None else "classification", schema, ops, classes, "y"))


@pytest.mark.parametrize("nulls", [False, True], ids=["full", "with nulls"])
@pytest.mark.parametrize("dataset", ["iris", "wine", "breast_cancer", "digits"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_equal_scikit_learn_in_library_batch_and_row(name, dataset, nulls):
    if nulls and name not in ACCEPT_NULLS:
        return
    estimator, config = CLASSIFIERS[name]
    matrix, target, frame = data(dataset, nulls=nulls)
    expected = estimator(**config).fit(matrix, target)

    applier, params = fit(name, frame, target, **config)

    assert np.array_equal(applier.predict(frame, params), expected.predict(matrix))
    found = applier.predict_proba(frame, params)
    np.testing.assert_allclose(found, expected.predict_proba(matrix), rtol=0, atol=1e-13)
    classes = [f"class {i}" for i in range(found.shape[1])]
    model = plan_of(applier, params, frame, classes)
    rows = frame.to_dicts()[::7]
    batch = model.predict_batch(rows)
    assert batch.predictions == [classes[i] for i in expected.predict(matrix)[::7]]
    assert [list(row.values()) for row in batch.probabilities] == found[::7].tolist()
    assert [model.predict_row(row) for row in rows] == [
        type(batch)([label], [proba]) for label, proba in zip(batch.predictions, batch.probabilities, strict=True)
    ]


@pytest.mark.parametrize("name", ["random_forest_classifier", "hist_gradient_boosting_classifier"])
def test_binary_trees_equal_scikit_learn_to_the_last_bit(name):
    estimator, config = CLASSIFIERS[name]
    matrix, target, frame = data("breast_cancer", nulls=True)

    applier, params = fit(name, frame, target, **config)

    expected = estimator(**config).fit(matrix, target).predict_proba(matrix)
    assert np.array_equal(applier.predict_proba(frame, params), expected)


@pytest.mark.parametrize("nulls", [False, True], ids=["full", "with nulls"])
@pytest.mark.parametrize("case", REGRESSORS)
def test_regressors_equal_scikit_learn_in_library_batch_and_row(case, nulls):
    name, estimator, config = REGRESSORS[case]
    if nulls and name not in ACCEPT_NULLS:
        return
    matrix, target, frame = data("diabetes", nulls=nulls)
    expected = estimator(**config).fit(matrix, target).predict(matrix)

    applier, params = fit(name, frame, target, **config)

    found = applier.predict(frame, params)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    model = plan_of(applier, params, frame, None)
    rows = frame.to_dicts()
    assert model.predict_batch(rows).predictions == found.tolist()
    assert [model.predict_row(row).predictions[0] for row in rows[:50]] == found[:50].tolist()


def test_forest_thresholds_compare_as_float32_does():
    rng = np.random.default_rng(3)
    matrix = (rng.integers(0, 40, (500, 3)) / 10 + 16_777_216 * rng.integers(0, 2, (500, 3))).astype(float)
    target = (matrix.sum(axis=1) % 2 > 1).astype(np.int64)
    frame = to_frame(matrix)
    expected = RandomForestClassifier(20, random_state=1).fit(matrix, target)

    applier, params = fit("random_forest_classifier", frame, target, n_estimators=20, random_state=1)

    thresholds = np.unique(params.array("threshold"))
    near = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)])
    probe = np.stack([rng.permutation(near) for _ in range(3)], axis=1)
    assert np.array_equal(applier.predict_proba(to_frame(probe), params), expected.predict_proba(probe))


@pytest.mark.parametrize("name", ["logistic_regression", "ridge_regression"])
def test_linear_models_refuse_nulls_and_name_the_column(name):
    frame = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, None, 2.0]})

    with pytest.raises(DataError, match=r"column 'b' has 1 nulls.*SimpleImputer") as caught:
        fit(name, frame, np.array([0, 1, 0]))

    assert caught.value.column == "b"


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_one_class_is_refused(name):
    with pytest.raises(DataError, match="only one class"):
        fit(name, pl.DataFrame({"a": [1.0, 2.0]}), np.array([0, 0]))


@pytest.mark.parametrize("name", [*CLASSIFIERS, "ridge_regression", "hist_gradient_boosting_regressor"])
def test_the_same_seed_gives_the_same_params_and_fit_changes_nothing(name):
    _, target, frame = data("diabetes" if "regress" in name and "logistic" not in name else "wine")
    before = frame.clone()
    _, first = fit(name, frame, target, random_state=5)
    _, second = fit(name, frame, target, random_state=5)

    assert frame.equals(before)
    for key, value in first.items():
        assert np.array_equal(value, second[key]), key


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("classes", [(False, True), (10, 20), ("no", "yes")])
def test_labels_keep_their_type(name, classes):
    _, target, frame = data("breast_cancer")
    applier, params = fit(name, frame, target)
    model = plan_of(applier, params, frame, list(classes))

    for answer in (model.predict_row(frame.row(0, named=True)), model.predict_batch(frame.head(3).to_dicts())):
        assert all(type(label) is type(classes[0]) and label in classes for label in answer.predictions)
        assert list(answer.probabilities[0]) == [label_key(label) for label in classes]


@pytest.mark.parametrize("name", [*CLASSIFIERS, "ridge_regression", "hist_gradient_boosting_regressor"])
def test_every_field_of_a_config_has_a_title_a_help_text_and_scikit_learns_default(name):
    entry = NodeRegistry.get(name)
    estimators = {
        "ridge_regression": Ridge,
        "hist_gradient_boosting_regressor": HistGradientBoostingRegressor,
        **{key: estimator for key, (estimator, _) in CLASSIFIERS.items()},
    }
    defaults = estimators[name]().get_params()

    for field, info in entry.config_model.model_fields.items():
        assert info.title, field
        assert info.description, field
        # Ours is fixed: the same rows and configuration give the same model, which caches and lineage rely on.
        assert info.default == (0 if field == "random_state" else defaults[field]), field


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("logistic_regression", {"C": 0}),
        ("logistic_regression", {"l1_ratio": 0.5}),
        ("logistic_regression", {"solver": "magic"}),
        ("logistic_regression", {"penalty": "l2"}),
        ("ridge_regression", {"solver": "lbfgs"}),
        ("random_forest_classifier", {"max_features": 1.5}),
        ("random_forest_classifier", {"bootstrap": False, "max_samples": 0.5}),
        ("hist_gradient_boosting_classifier", {"learning_rate": -1}),
        ("hist_gradient_boosting_regressor", {"loss": "quantile"}),
    ],
)
def test_values_that_cannot_work_are_refused_before_training(name, config):
    with pytest.raises(ValueError, match="validation error"):
        NodeRegistry.get(name).config_model(**config)


def test_a_target_that_the_loss_cannot_take_is_a_data_error():
    with pytest.raises(DataError, match=r"poisson|non-negative|strictly"):
        fit("hist_gradient_boosting_regressor", pl.DataFrame({"a": [1.0, 2.0]}), np.array([-1.0, 2.0]), loss="poisson")


def test_no_rows_give_no_predictions():
    _, target, frame = data("iris")
    applier, params = fit("logistic_regression", frame, target)

    assert applier.predict(frame.clear(), params).shape == (0,)
    assert applier.predict_proba(frame.clear(), params).shape == (0, 3)
