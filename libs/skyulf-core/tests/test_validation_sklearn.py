"""Whole cross-validations beside hand-written ones of scikit-learn."""

import numpy as np
import pytest
from palmerpenguins import load_penguins
from sklearn import model_selection as sk
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder
from skyulf_core import Pipeline
from validation_cases import CANCER, GAPS, SCALED, SPLIT


def penguins():
    frame = load_penguins().dropna(subset=["body_mass_g", "sex"]).reset_index(drop=True)
    return frame.astype({"island": str, "species": str, "sex": str})[
        ["island", "sex", "species", "bill_length_mm", "bill_depth_mm", "year", "body_mass_g"]
    ]


def train_rows(frame, target):
    train, _ = sk.train_test_split(frame, test_size=0.2, random_state=4)
    return train.drop(columns=target), train[target]


def compare(config, frame, target, cv, reference, splits, scoring, *, groups=None):
    """Compare every fold's scores; `scoring` maps our metrics to scikit-learn's scorers."""
    features, truth = train_rows(frame, target)
    groups = None if groups is None else features[groups]
    expected = sk.cross_validate(reference, features, truth, cv=splits, groups=groups, scoring=scoring)

    found = Pipeline.from_config(config).cross_validate(frame, cv, metrics=list(scoring))

    for name, scorer in scoring.items():
        sign = -1.0 if scorer.startswith("neg_") else 1.0
        scores = [fold.metrics[name] for fold in found.folds]
        np.testing.assert_allclose(scores, sign * expected[f"test_{name}"], rtol=0, atol=1e-9)
        assert found.mean[name] == pytest.approx(np.mean(scores), abs=1e-12)
        assert found.std[name] == pytest.approx(np.std(scores), abs=1e-12)
    return found


CLASSES = {"accuracy": "accuracy", "roc_auc": "roc_auc", "log_loss": "neg_log_loss", "f1_macro": "f1_macro"}
NUMBERS = {"r2": "r2", "rmse": "neg_root_mean_squared_error", "mae": "neg_mean_absolute_error"}


def test_imputed_scaled_and_classified_as_in_scikit_learn():
    steps = [SPLIT, {"node": "SimpleImputer", "config": {"strategy": "median"}}, {"node": "StandardScaler"}]
    compare(
        {"steps": steps, "model": {"node": "logistic_regression"}}, GAPS, "target", {"type": "stratified_k_fold"},
        make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(random_state=0)),
        sk.StratifiedKFold(5, shuffle=True, random_state=0), CLASSES,
    )  # fmt: skip


def test_encoded_and_boosted_as_in_scikit_learn():
    texts = ["island", "sex", "species"]
    split = {"node": "TrainTestSplit", "config": {"target": "body_mass_g", "random_state": 4}}
    steps = [split, {"node": "OneHotEncoder", "config": {"columns": texts}}]
    numbers = ["bill_length_mm", "bill_depth_mm", "year"]
    encoder = ColumnTransformer([("n", "passthrough", numbers), ("t", OneHotEncoder(sparse_output=False), texts)])
    boosting = HistGradientBoostingRegressor(max_iter=40, random_state=0)
    compare(
        {"steps": steps, "model": {"node": "hist_gradient_boosting_regressor", "config": {"max_iter": 40}}},
        penguins(), "body_mass_g", {"type": "repeated_k_fold", "folds": 4, "repeats": 2},
        make_pipeline(encoder, boosting), sk.RepeatedKFold(n_splits=4, n_repeats=2, random_state=0), NUMBERS,
    )  # fmt: skip


def test_reduced_and_grown_as_in_scikit_learn():
    frame = load_wine(as_frame=True).frame
    steps = [SPLIT, {"node": "StandardScaler"}, {"node": "PCA", "config": {"n_components": 5}}]
    forest = {"n_estimators": 25, "random_state": 0}
    compare(
        {"steps": steps, "model": {"node": "random_forest_classifier", "config": forest}}, frame, "target",
        {"type": "shuffle_split", "folds": 4, "test_size": 0.25},
        make_pipeline(StandardScaler(), PCA(n_components=5), RandomForestClassifier(**forest)),
        sk.ShuffleSplit(4, test_size=0.25, random_state=0),
        {"accuracy": "accuracy", "roc_auc_ovr": "roc_auc_ovr", "f1_weighted": "f1_weighted"},
    )  # fmt: skip


def test_encoded_with_the_target_as_in_scikit_learn():
    frame = penguins().rename(columns={"sex": "target"})
    frame = frame[["island", "species", "bill_length_mm", "bill_depth_mm", "year", "body_mass_g", "target"]]
    texts = ["island", "species"]
    encoder = ColumnTransformer([
        ("n", "passthrough", ["bill_length_mm", "bill_depth_mm", "year", "body_mass_g"]),
        ("t", TargetEncoder(cv=sk.StratifiedKFold(5, shuffle=True, random_state=0)), texts),
    ])  # fmt: skip
    config = {"steps": [SPLIT, {"node": "TargetEncoder", "config": {"columns": texts}}, {"node": "StandardScaler"}]}
    compare(
        {**config, "model": {"node": "logistic_regression", "config": {"tol": 1e-12, "max_iter": 5000}}},
        frame, "target", {"type": "group_k_fold", "group": "year", "folds": 3},
        make_pipeline(encoder, StandardScaler(), LogisticRegression(tol=1e-12, max_iter=5000, random_state=0)),
        sk.GroupKFold(3), {"accuracy": "accuracy", "roc_auc": "roc_auc"}, groups="year",
    )  # fmt: skip


def test_rows_in_time_are_judged_as_in_scikit_learn():
    data = load_diabetes(as_frame=True).frame
    data["day"] = np.random.default_rng(0).permutation(len(data)).astype(float)
    features, truth = train_rows(data, "target")
    order = np.argsort(features["day"].to_numpy())
    expected = sk.cross_val_score(
        make_pipeline(StandardScaler(), Ridge()), features.iloc[order], truth.iloc[order],
        cv=sk.TimeSeriesSplit(4, gap=3, max_train_size=150), scoring="r2",
    )  # fmt: skip
    config = {"steps": [SPLIT, {"node": "StandardScaler"}], "model": {"node": "ridge_regression"}}

    cv = {"type": "time_series", "by": "day", "folds": 4, "gap": 3, "max_train": 150}
    found = Pipeline.from_config(config).cross_validate(data, cv, metrics=["r2"])

    np.testing.assert_allclose([fold.metrics["r2"] for fold in found.folds], expected, rtol=0, atol=1e-9)


def test_weights_teach_and_judge_in_every_fold_as_in_scikit_learn():
    frame = CANCER.assign(weight=np.random.default_rng(0).uniform(0, 3, len(CANCER)))
    features, truth = train_rows(frame.drop(columns="weight"), "target")
    weights = frame["weight"].loc[features.index].to_numpy()
    expected = []
    for train, test in sk.KFold(5, shuffle=True, random_state=0).split(features):
        model = make_pipeline(StandardScaler(), LogisticRegression(random_state=0))
        model.fit(features.iloc[train], truth.iloc[train], logisticregression__sample_weight=weights[train])
        expected.append(model.score(features.iloc[test], truth.iloc[test], sample_weight=weights[test]))
    config = {**SCALED, "model": {"node": "logistic_regression", "weights": "weight"}}

    found = Pipeline.from_config(config).cross_validate(frame, {"type": "k_fold"}, metrics=["accuracy"])

    np.testing.assert_allclose([fold.metrics["accuracy"] for fold in found.folds], expected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.oof.weights, weights[found.oof.rows])


def test_out_of_fold_predictions_hold_every_training_row_once_with_its_truth():
    features, truth = train_rows(CANCER, "target")
    splits = sk.KFold(5, shuffle=True, random_state=0)
    model = make_pipeline(StandardScaler(), LogisticRegression(random_state=0))
    expected = sk.cross_val_predict(model, features, truth, cv=splits, method="predict_proba")

    oof = Pipeline.from_config(SCALED).cross_validate(CANCER, {"type": "k_fold"}).oof

    assert sorted(oof.rows.tolist()) == list(range(len(features)))
    np.testing.assert_allclose(oof.probabilities, expected[oof.rows], atol=1e-9)
    assert oof.predictions.tolist() == expected[oof.rows].argmax(axis=1).tolist()
    assert oof.truth.tolist() == truth.to_numpy()[oof.rows].tolist()
    assert oof.classes == (0, 1)
    assert np.bincount(oof.folds).tolist() == [91] * 5
