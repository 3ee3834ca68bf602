"""Whole pipelines against hand-written scikit-learn: the same splits, the same predictions, the same scores."""

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skyulf_core import Pipeline

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
TEXTS = ["island", "sex"]
PENGUINS_CONFIG = {
    "steps": [
        {"node": "TrainTestSplit", "config": {"target": "species", "stratify": True, "random_state": 7}},
        {"node": "SimpleImputer", "config": {"strategy": "median"}},
        {"node": "SimpleImputer", "config": {"strategy": "most_frequent", "columns": TEXTS}},
        {"node": "OneHotEncoder", "config": {"columns": TEXTS}},
        {"node": "StandardScaler", "config": {"columns": NUMBERS}},
    ],
    "model": {"node": "logistic_regression", "config": {"max_iter": 2000, "tol": 1e-10}},
}


def penguins():
    frame = load_penguins()
    return frame.astype(dict.fromkeys(TEXTS, object)).where(frame.notna(), None).astype(dict.fromkeys(NUMBERS, float))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_penguins_classification_equals_scikit_learn(library):
    frame = load_penguins()
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent", missing_values=None), OneHotEncoder(handle_unknown="ignore")
    )
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    reference = make_pipeline(
        ColumnTransformer([("n", numbers, NUMBERS), ("t", texts, TEXTS)]), LogisticRegression(max_iter=2000, tol=1e-10)
    )
    data = penguins()
    train, test = train_test_split(data, test_size=0.2, stratify=data["species"], random_state=7)
    reference.fit(train, train["species"])
    expected = reference.predict_proba(test)

    pipeline = Pipeline.from_config(PENGUINS_CONFIG).fit(frame if library == "pandas" else pl.from_pandas(frame))

    found = pipeline.predict_proba(frame.loc[test.index])
    np.testing.assert_allclose(found.to_numpy(), expected, atol=1e-6)
    assert pipeline.predict(frame.loc[test.index]).tolist() == reference.predict(test).tolist()
    metrics = pipeline.evaluate().metrics
    assert metrics["accuracy"] == pytest.approx(accuracy_score(test["species"], reference.predict(test)), abs=1e-12)
    assert metrics["log_loss"] == pytest.approx(log_loss(test["species"], expected), abs=1e-6)


def test_binary_classification_equals_scikit_learn():
    data = load_breast_cancer(as_frame=True).frame
    train, test = train_test_split(data, test_size=0.25, random_state=1)
    features = list(data.columns.drop("target"))
    reference = make_pipeline(StandardScaler(), LogisticRegression()).fit(train[features], train["target"])

    pipeline = Pipeline.from_config(
        {
            "steps": [
                {"node": "TrainTestSplit", "config": {"target": "target", "test_size": 0.25, "random_state": 1}},
                {"node": "StandardScaler"},
            ],
            "model": {"node": "logistic_regression"},
        }
    ).fit(data)

    expected = reference.predict_proba(test[features])
    np.testing.assert_allclose(pipeline.predict_proba(test).to_numpy(), expected, atol=1e-9)
    assert pipeline.evaluate().metrics["roc_auc"] == pytest.approx(roc_auc_score(test["target"], expected[:, 1]))


@pytest.mark.parametrize(
    ("node", "model"),
    [
        ("ridge_regression", Ridge()),
        ("hist_gradient_boosting_regressor", HistGradientBoostingRegressor(random_state=0, early_stopping=False)),
    ],
)
def test_regression_equals_scikit_learn(node, model):
    data = load_diabetes(as_frame=True).frame
    train, test = train_test_split(data, test_size=0.2, random_state=42)
    features = list(data.columns.drop("target"))
    reference = make_pipeline(StandardScaler(), model).fit(train[features], train["target"])
    options = {} if node == "ridge_regression" else {"random_state": 0, "early_stopping": False}

    pipeline = Pipeline.from_config(
        {
            "steps": [{"node": "TrainTestSplit", "config": {"target": "target"}}, {"node": "StandardScaler"}],
            "model": {"node": node, "config": options},
        }
    ).fit(data)

    np.testing.assert_allclose(pipeline.predict(test).to_numpy(), reference.predict(test[features]), rtol=1e-9)
    expected = r2_score(test["target"], reference.predict(test[features]))
    assert pipeline.evaluate().metrics["r2"] == pytest.approx(expected, abs=1e-9)


def test_penguins_do_not_depend_on_the_order_of_columns_or_on_unknown_ones():
    frame = load_penguins()
    pipeline = Pipeline.from_config(PENGUINS_CONFIG).fit(frame)
    shuffled = frame[frame.columns[::-1]].assign(extra="x")

    assert pipeline.predict(shuffled).tolist() == pipeline.predict(frame).tolist()
    np.testing.assert_array_equal(pipeline.predict_proba(shuffled), pipeline.predict_proba(frame))
