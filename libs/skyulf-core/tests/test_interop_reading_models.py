"""from_sklearn: models answer the same here, with labels of every type."""

import numpy as np
import polars as pl
import pytest
from interop_reading import FULL, WEIGHTS, check_predict, trees
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.naive_bayes import BernoulliNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from skyulf_core.interop import UnsupportedEstimatorError, from_sklearn, sklearn_columns

pytestmark = pytest.mark.filterwarnings("ignore")

MODEL_CASES = {
    "logistic": (LogisticRegression(max_iter=200), load_wine),
    "logistic, two classes": (LogisticRegression(fit_intercept=False, solver="liblinear"), load_breast_cancer),
    "forest": (RandomForestClassifier(15, max_depth=6), load_wine),
    "forest, two classes": (RandomForestClassifier(15, class_weight="balanced"), load_breast_cancer),
    "boosting": (HistGradientBoostingClassifier(max_iter=5), load_wine),
    "boosting, two classes": (HistGradientBoostingClassifier(max_iter=5, class_weight="balanced"), load_breast_cancer),
    "ridge": (Ridge(alpha=0.3), load_diabetes),
    "ridge without constant": (Ridge(fit_intercept=False, positive=True), load_diabetes),
    "boosted numbers": (HistGradientBoostingRegressor(max_iter=9), load_diabetes),
    "boosted quantile": (HistGradientBoostingRegressor(loss="quantile", quantile=0.8, max_iter=9), load_diabetes),
    "boosted counts": (HistGradientBoostingRegressor(loss="poisson", max_iter=9), load_diabetes),
    "forest of numbers": (RandomForestRegressor(9, max_depth=5), load_diabetes),
    "extra trees": (ExtraTreesClassifier(9, max_depth=5), load_wine),
    "extra trees of numbers": (ExtraTreesRegressor(9, max_depth=5), load_diabetes),
    "tree": (DecisionTreeClassifier(max_depth=4), load_wine),
    "tree of numbers": (DecisionTreeRegressor(max_depth=4), load_diabetes),
    "exact boosting": (GradientBoostingClassifier(n_estimators=9), load_wine),
    "exact boosting, two classes": (GradientBoostingClassifier(n_estimators=9, loss="exponential"), load_breast_cancer),
    "exact boosting of numbers": (GradientBoostingRegressor(n_estimators=9, loss="huber"), load_diabetes),
    "least squares": (LinearRegression(), load_diabetes),
    "lasso": (Lasso(alpha=0.2), load_diabetes),
    "elastic net": (ElasticNet(alpha=0.2, l1_ratio=0.3), load_diabetes),
    "huber": (HuberRegressor(max_iter=500), load_diabetes),
    "quantile": (QuantileRegressor(quantile=0.8, alpha=0.0), load_diabetes),
    "poisson": (PoissonRegressor(), load_diabetes),
    "tweedie": (TweedieRegressor(power=1.5), load_diabetes),
    "tweedie without logarithm": (TweedieRegressor(power=0), load_diabetes),
    "gradient descent": (SGDClassifier(loss="log_loss"), load_wine),
    "gradient descent, two classes": (SGDClassifier(loss="modified_huber"), load_breast_cancer),
    "gradient descent without probabilities": (SGDClassifier(), load_wine),
    "neighbours": (KNeighborsClassifier(7, weights="distance"), load_wine),
    "neighbours of numbers": (KNeighborsRegressor(4, p=1), load_diabetes),
    "naive Bayes": (GaussianNB(), load_wine),
    "naive Bayes of flags": (BernoulliNB(binarize=0.3), load_breast_cancer),
    "vectors": (SVC(kernel="poly", degree=2), load_wine),
    "vectors, two classes": (SVC(C=3.0), load_breast_cancer),
    "vectors of numbers": (SVR(C=30.0), load_diabetes),
    "network": (MLPClassifier((9, 4), max_iter=30), load_wine),
    "network, two classes": (MLPClassifier((9,), max_iter=30, activation="tanh"), load_breast_cancer),
    "network of numbers": (MLPRegressor(hidden_layer_sizes=(9,), max_iter=30), load_diabetes),
}


@pytest.mark.parametrize("name", MODEL_CASES)
def test_models_predict_as_scikit_learns(name, tmp_path):
    model, load = MODEL_CASES[name]
    data, target = load(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), model).fit(data, target)

    check_predict(fitted, data, tmp_path / "bundle", data * 1.3)


def test_counts_are_read(tmp_path):
    data, target = load_wine(return_X_y=True, as_frame=True)
    fitted = make_pipeline(MinMaxScaler(clip=True), MultinomialNB(alpha=0.3)).fit(data, target)

    check_predict(fitted, data, tmp_path / "bundle", data * 1.3)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (SVC(probability=True), "fit it without probability"),
        (GradientBoostingRegressor(n_estimators=3, init=LinearRegression()), "its parameter init is a model"),
        (KNeighborsRegressor(metric="cosine"), "does not take metric 'cosine'"),
        (LinearRegression(), "several targets"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_models_without_a_counterpart_are_refused(model, why):
    data, target = load_diabetes(return_X_y=True, as_frame=True)
    truth = target > 100 if isinstance(model, SVC) else target
    if isinstance(model, LinearRegression):
        truth = np.column_stack([target, target])

    with pytest.raises(UnsupportedEstimatorError, match=why):
        from_sklearn(model.fit(data, truth), data)


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [10, 3], [2.0, 1.0]], ids=str)
def test_labels_keep_their_values(labels, tmp_path):
    data, target = load_breast_cancer(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit(data, np.array(labels)[target])

    pipeline = from_sklearn(fitted, data)

    assert pipeline.predict(data).tolist() == fitted.predict(data).tolist()


def test_trees_that_part_rows_by_the_last_bit_of_a_sum_are_refused_rather_than_nearly_right():
    fitted = make_pipeline(PCA(3), trees()).fit(FULL, WEIGHTS)

    with pytest.raises(UnsupportedEstimatorError, match=r"predictions are not scikit-learn's.*by the last bit"):
        from_sklearn(fitted, FULL)


def test_a_model_alone_and_rows_of_an_array_have_columns_x0_x1(tmp_path):
    matrix, target = load_wine(return_X_y=True)
    fitted = RandomForestClassifier(5).fit(matrix, target)

    pipeline = from_sklearn(fitted, matrix)

    frame = pl.DataFrame(matrix, schema=[f"x{i}" for i in range(13)], orient="row")
    assert pipeline.predict(frame).to_list() == fitted.predict(matrix).tolist()
    assert list(sklearn_columns(fitted, matrix)) == frame.columns
