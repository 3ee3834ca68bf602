"""from_sklearn: models answer the same here, with labels of every type."""

import numpy as np
import polars as pl
import pytest
from interop_reading import FULL, WEIGHTS, check_predict, trees
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    StandardScaler,
)
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
}


@pytest.mark.parametrize("name", MODEL_CASES)
def test_models_predict_as_scikit_learns(name, tmp_path):
    model, load = MODEL_CASES[name]
    data, target = load(return_X_y=True, as_frame=True)
    fitted = make_pipeline(StandardScaler(), model).fit(data, target)

    check_predict(fitted, data, tmp_path / "bundle", data * 1.3)


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
