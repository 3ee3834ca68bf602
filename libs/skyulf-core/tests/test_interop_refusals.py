"""from_sklearn refuses what has no exact counterpart: it names the step, its class and what is supported."""

import numpy as np
import pytest
from palmerpenguins import load_penguins
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lars, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from skyulf_core.interop import SkyulfTransformer, UnsupportedEstimatorError, from_sklearn
from skyulf_core.problems import DataError, NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore")

NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
PENGUINS = load_penguins()
FULL = PENGUINS[NUMBERS].fillna(PENGUINS[NUMBERS].mean())
WEIGHTS = FULL["body_mass_g"].to_numpy()
WORDS = PENGUINS[["island", "sex"]]


def trees(**options):
    return HistGradientBoostingRegressor(max_iter=4, **options)


class Doubled(StandardScaler):
    """A subclass, which may do anything."""


def refused():
    return {
        "unknown step": (make_pipeline(StandardScaler(), Normalizer()), r"'normalizer' \(Normalizer\).*no such node\."),
        "unknown model": (make_pipeline(StandardScaler(), Lars()), r"'lars' \(Lars\).*no such model\. Su"),
        "subclass": (make_pipeline(Doubled()), r"'doubled' \(Doubled\).*no such node"),
        "function": (FunctionTransformer(np.log1p), r"\(FunctionTransformer\).*no such node"),
        "nested": (
            ColumnTransformer([("n", make_pipeline(MinMaxScaler(), Normalizer()), NUMBERS)]),
            r"'n__normalizer' \(Normalizer\)",
        ),
        "weights": (make_union(StandardScaler()).set_params(transformer_weights={"standardscaler": 2.0}), "weights"),
        "marked gaps": (SimpleImputer(missing_values=-1), r"missing_values is -1; supported are NaN"),
        "degree": (PolynomialFeatures(degree=7), r"PolynomialFeatures does not take degree 7: Input should be less"),
        "no linear terms": (PolynomialFeatures(degree=(2, 3)), r"supported is a number, or \(0, n\)"),
        "bins": (KBinsDiscretizer(n_bins=[2, 3, 2, 4]), r"KBinsDiscretizer does not take n_bins"),
        "trees": (make_pipeline(trees(monotonic_cst=[1, 0, 0, 0])), r"monotonic_cst is .*; supported is None"),
        "categories": (trees(categorical_features=[0]), r"it splits by categories; supported are numbers"),
        "class weights": (RandomForestClassifier(3, class_weight={0: 2, 1: 1, 7: 1}), "names the label '7', which"),
        "score": (SelectKBest(lambda x, y: np.arange(4.0), k=2), r"score_func is <lambda>; supported are f_classif"),
        "names of nodes": (
            make_pipeline(StandardScaler(), SkyulfTransformer("MinMaxScaler")),
            r"\(SkyulfTransformer\).*'x0' for 'bill_length_mm'; supported are those of the",
        ),
        "targets": (Ridge(), r"predicts 2 targets; supported is one"),
    }  # fmt: skip


REFUSED = refused()


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_counterpart_is_refused_with_step_class_and_what_is_supported(name):
    estimator, message = REFUSED[name]
    data = FULL if name != "categories" else FULL.round(-2) // 1000
    target = np.arange(len(FULL)) % 2 if name == "class weights" else WEIGHTS
    fitted = estimator.fit(data, np.stack([target, target], axis=1) if name == "targets" else target)

    with pytest.raises(UnsupportedEstimatorError, match=message):
        from_sklearn(fitted, data)


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (OneHotEncoder(handle_unknown="warn"), "supported are error, ignore"),
        (OneHotEncoder(drop=["Dream", "male"]), "supported are first, if_binary"),
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=99), "whole numbers below 0"),
        (OrdinalEncoder(encoded_missing_value=5), "whole numbers below 0"),
        (OrdinalEncoder(min_frequency=100), "it groups infrequent categories"),
    ],
    ids=str,
)
def test_encoders_that_cannot_be_expressed_are_refused(encoder, message):
    with pytest.raises(UnsupportedEstimatorError, match=message):
        from_sklearn(encoder.fit(WORDS), WORDS)


def test_estimators_that_are_not_fitted_and_other_rows_are_refused():
    with pytest.raises(NotFittedError, match="StandardScaler is not fitted"):
        from_sklearn(StandardScaler(), FULL)
    with pytest.raises(DataError, match="fitted on 4 columns, the rows have 2"):
        from_sklearn(StandardScaler().fit(FULL), FULL[NUMBERS[:2]])
    with pytest.raises(DataError, match="some rows are needed"):
        from_sklearn(StandardScaler().fit(FULL), FULL.head(0))


def test_answers_that_differ_are_found():
    fitted = StandardScaler().fit(FULL)
    fitted.transform = lambda rows: np.ones(FULL.shape)

    with pytest.raises(UnsupportedEstimatorError, match=r"not scikit-learn's: at \(0, 0\) .* instead of"):
        from_sklearn(fitted, FULL)
