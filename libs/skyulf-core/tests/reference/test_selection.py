"""The selecting nodes keep what scikit-learn and feature_engine keep, on real data."""

from functools import partial

import numpy as np
import polars as pl
import pytest
from feature_engine.selection import DropCorrelatedFeatures
from palmerpenguins import load_penguins
from sklearn import feature_selection as sk
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars

CANCER, WINE, DIABETES = (load(as_frame=True) for load in (load_breast_cancer, load_wine, load_diabetes))
DATA = {"cancer": CANCER, "wine": WINE, "diabetes": DIABETES}
PENGUINS = load_penguins()[["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]]


def holes(frame, share=0.15, seed=0):
    return frame.astype(float).mask(np.random.default_rng(seed).random(frame.shape) < share)


def fit(node, data, target=None, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    frame = normalise(to_polars(data))
    if target is None:
        return entry.calculator.fit(frame, parsed)
    return entry.calculator.fit(frame, pl.Series("target", np.asarray(target)), parsed)


def in_order(data, target):
    """Sort rows as the nodes do."""
    frame = to_polars(data).with_columns(pl.Series("target", np.asarray(target)))
    rows = frame.sort(frame.columns)
    return rows.drop("target").to_numpy(), rows["target"].to_numpy()


@pytest.mark.compares("VarianceThreshold")
@pytest.mark.parametrize("threshold", [0.0, 0.01, 1.0, 1000.0])
@pytest.mark.parametrize("name", ["cancer", "wine", "penguins"])
def test_variance_threshold_agrees(name, threshold):
    data = holes(PENGUINS if name == "penguins" else DATA[name].data).assign(same=5.0)
    reference = sk.VarianceThreshold(threshold).fit(data)

    params = fit("VarianceThreshold", data, threshold=threshold)

    wanted = reference.variances_ if threshold else np.nanvar(data, axis=0)  # for 0 scikit-learn takes the range too
    np.testing.assert_allclose(params["variances"], wanted, rtol=1e-9, atol=1e-9)
    assert params["kept"] == list(data.columns[reference.get_support()])


def test_variance_threshold_learns_the_same_from_a_file_that_memory_does_not_hold(tmp_path):
    frame = to_polars(holes(CANCER.data))
    frame.write_parquet(tmp_path / "rows.parquet")
    entry = NodeRegistry.get("VarianceThreshold")

    found = entry.calculator.learn(pl.scan_parquet(tmp_path / "rows.parquet"), entry.config_model(threshold=0.1))

    wanted = entry.calculator.fit(frame, entry.config_model(threshold=0.1))
    assert found["kept"] == wanted["kept"]
    np.testing.assert_allclose(found["variances"], wanted["variances"], rtol=1e-12)


@pytest.mark.compares("CorrelationThreshold")
@pytest.mark.parametrize("method", ["pearson", "spearman", "kendall"])
@pytest.mark.parametrize("threshold", [0.3, 0.8, 0.95])
@pytest.mark.parametrize("gaps", [0.0, 0.15])
def test_correlation_threshold_agrees(method, threshold, gaps):
    data = holes(CANCER.data.iloc[:, :12], gaps)
    data.columns = [f"c{i:02}" for i in range(data.shape[1])]  # feature_engine goes by the alphabet
    reference = DropCorrelatedFeatures(method=method, threshold=threshold).fit(data)

    params = fit("CorrelationThreshold", data, method=method, threshold=threshold)

    wanted = data.corr(method=method).to_numpy()
    off = ~np.eye(len(wanted), dtype=bool)
    np.testing.assert_allclose(params["correlations"][off], wanted[off], rtol=1e-9, atol=1e-9)
    assert params["dropped"] == sorted(reference.features_to_drop_)


def test_correlation_threshold_agrees_where_the_mean_is_far_away_and_columns_are_constant_where_both_have_values():
    draw = np.random.default_rng(3)
    x = draw.normal(size=60)
    half = np.where(np.arange(60) < 30, 0.1, 7.0)
    data = to_polars(holes(CANCER.data.iloc[:60, :2])).with_columns(
        pl.Series("a", 1e8 + x), pl.Series("b", np.where(np.arange(60) < 30, x, np.nan), nan_to_null=True),
        pl.Series("c", half), pl.Series("d", x * 1e200),
    )  # fmt: skip

    found = fit("CorrelationThreshold", data, threshold=0.5)["correlations"]

    wanted = data.drop("d").to_pandas().corr().to_numpy()
    np.testing.assert_allclose(
        found[:5, :5][~np.eye(5, dtype=bool)], wanted[~np.eye(5, dtype=bool)], rtol=1e-9, atol=1e-9
    )
    assert np.isnan(found[4, 3])
    assert found[5, 3] == pytest.approx(1.0, abs=1e-12)


CLASSIFICATION = {"f": sk.f_classif, "chi2": sk.chi2, "mutual_info": partial(sk.mutual_info_classif, random_state=42)}
REGRESSION = {
    "f": sk.f_regression, "r_regression": sk.r_regression,
    "mutual_info": partial(sk.mutual_info_regression, random_state=42),
}  # fmt: skip


@pytest.mark.compares("UnivariateSelection")
@pytest.mark.parametrize(
    ("mode", "param"), [("k_best", 5), ("percentile", 30), ("fpr", 0.01), ("fdr", 1e-3), ("fwe", 1e-6)]
)
@pytest.mark.parametrize(
    ("name", "score"), [(n, s) for n in DATA for s in (REGRESSION if n == "diabetes" else CLASSIFICATION)]
)
def test_univariate_selection_agrees(name, score, mode, param):
    if mode in ("fpr", "fdr", "fwe") and score not in ("f", "chi2"):
        with pytest.raises(ValueError, match="no p-values"):
            NodeRegistry.get("UnivariateSelection").config_model(mode=mode, score_func=score)
        return
    data, target = DATA[name].data, DATA[name].target
    measure = (REGRESSION if name == "diabetes" else CLASSIFICATION)[score]
    reference = sk.GenericUnivariateSelect(measure, mode=mode, param=param).fit(*in_order(data, target))

    params = fit("UnivariateSelection", data, target, mode=mode, param=param, score_func=score)

    np.testing.assert_allclose(params["scores"], reference.scores_, rtol=1e-9, atol=1e-9)
    assert params["kept"] == list(data.columns[reference.get_support()])


@pytest.mark.compares("UnivariateSelection")
def test_univariate_selection_scores_a_column_on_the_rows_where_it_has_values():
    data = holes(WINE.data)

    params = fit("UnivariateSelection", data, WINE.target, param=4)

    for position, name in enumerate(data.columns):
        there = data[name].notna()
        score, p_value = sk.f_classif(data.loc[there, [name]], WINE.target[there])
        assert params["scores"][position] == pytest.approx(score[0], rel=1e-9)
        assert params["p_values"][position] == pytest.approx(p_value[0], rel=1e-9)


def test_univariate_selection_refuses_a_score_that_is_not_for_the_target():
    with pytest.raises(DataError, match="chi2 is a score for a classification"):
        fit("UnivariateSelection", DIABETES.data.abs(), DIABETES.target, score_func="chi2")
    with pytest.raises(DataError, match="a regression needs numbers"):
        fit("UnivariateSelection", WINE.data, WINE.target.astype(str), task="regression")
    with pytest.raises(DataError, match="none of the 13 columns passes"):
        fit("UnivariateSelection", WINE.data, WINE.target, mode="fwe", param=0.0)


MODELS = {
    ("wine", "logistic_regression"): LogisticRegression(max_iter=1000),
    ("wine", "linear_svm"): LinearSVC(max_iter=1000, random_state=42),
    ("wine", "decision_tree"): DecisionTreeClassifier(random_state=42),
    ("wine", "random_forest"): RandomForestClassifier(n_estimators=8, random_state=42),
    ("cancer", "ridge"): RidgeClassifier(),
    ("diabetes", "ridge"): Ridge(),
    ("diabetes", "lasso"): Lasso(max_iter=1000),
    ("diabetes", "linear_regression"): LinearRegression(),
    ("diabetes", "linear_svm"): LinearSVR(max_iter=1000, random_state=42),
    ("diabetes", "extra_trees"): ExtraTreesRegressor(n_estimators=8, random_state=42),
}


def scaled(name):
    data = DATA[name].data
    return data.__class__(StandardScaler().fit_transform(data), columns=data.columns)


@pytest.mark.compares("ModelBasedSelection")
@pytest.mark.parametrize("options", [{}, {"threshold": "0.5*median", "max_features": 4}, {"threshold": 0.01}])
@pytest.mark.parametrize(("name", "estimator"), MODELS)
def test_from_model_agrees(name, estimator, options):
    data, target = scaled(name), DATA[name].target
    reference = sk.SelectFromModel(MODELS[name, estimator], **options).fit(*in_order(data, target))

    params = fit("ModelBasedSelection", data, target, estimator=estimator, n_estimators=8, **options)

    assert params["kept"] == list(data.columns[reference.get_support()])
    assert params["threshold"] == pytest.approx(reference.threshold_, rel=1e-9)


@pytest.mark.compares("ModelBasedSelection")
@pytest.mark.parametrize(
    "options", [{}, {"n_features_to_select": 3, "step": 2}, {"n_features_to_select": 0.3, "step": 0.2}]
)
@pytest.mark.parametrize(("name", "estimator"), [key for key in MODELS if key != ("wine", "linear_svm")])
def test_rfe_agrees(name, estimator, options):
    data, target = scaled(name), DATA[name].target
    data = data.iloc[:, :10]
    reference = sk.RFE(MODELS[name, estimator], **options).fit(*in_order(data, target))

    params = fit("ModelBasedSelection", data, target, method="rfe", estimator=estimator, n_estimators=8, **options)

    assert params["kept"] == list(data.columns[reference.support_])
    assert params["ranking"].tolist() == reference.ranking_.tolist()


@pytest.mark.compares("ModelBasedSelection")
def test_linear_models_select_the_same_whatever_the_order_of_scikit_learns_rows():
    data, target = scaled("cancer"), CANCER.target
    reference = sk.SelectFromModel(LogisticRegression(max_iter=1000)).fit(data.to_numpy(), target)

    params = fit("ModelBasedSelection", data, target, estimator="logistic_regression")

    assert params["kept"] == list(data.columns[reference.get_support()])


def test_model_based_selection_knows_missing_values_or_names_them():
    data = holes(WINE.data)

    assert fit("ModelBasedSelection", data, WINE.target, n_estimators=5)["kept"]
    with pytest.raises(DataError, match=r"column 'alcohol' is missing in .* rows, and ridge has no rule"):
        fit("ModelBasedSelection", data, WINE.target, estimator="ridge")
    with pytest.raises(DataError, match="lasso needs a regression's target"):
        fit("ModelBasedSelection", WINE.data, WINE.target, estimator="lasso")
    with pytest.raises(ValueError, match="threshold is not used by method rfe"):
        NodeRegistry.get("ModelBasedSelection").config_model(method="rfe", threshold=0.1)
