"""from_sklearn: fitted pipelines of scikit-learn answer the same here, in the library, in the plan, after loading."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from interop_reading import (
    FAR,
    FULL,
    GAPS,
    KNOWN,
    NUMBERS,
    PENGUINS,
    TEXTS,
    UNSEEN,
    WEIGHTS,
    WORDS,
    check_predict,
    check_transform,
    trees,
)
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import (
    SelectFdr,
    SelectFpr,
    SelectFwe,
    SelectKBest,
    SelectPercentile,
    VarianceThreshold,
    chi2,
    f_regression,
    mutual_info_regression,
    r_regression,
)
from sklearn.impute import KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
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
from skyulf_core.interop import UnsupportedEstimatorError, from_sklearn, sklearn_columns
from skyulf_core.interop.reading.catalogue import MODELS, STEPS
from skyulf_core.interop.reading.walking import parts_of
from skyulf_core.problems import DataError

pytestmark = pytest.mark.filterwarnings("ignore")

# Name: transformer, rows that it is fitted on, and new rows (with values that training did not have).
ON_NUMBERS = {
    "imputer": (SimpleImputer(), GAPS),
    "imputer of medians": (SimpleImputer(strategy="median", add_indicator=True), GAPS),
    "imputer of a constant": (SimpleImputer(strategy="constant", fill_value=-7), GAPS),
    "imputer of modes": (SimpleImputer(strategy="most_frequent"), GAPS),
    "neighbours": (KNNImputer(n_neighbors=3, weights="distance", add_indicator=True), GAPS),
    "indicator": (MissingIndicator(), GAPS),
    "indicator of all": (MissingIndicator(features="all"), GAPS),
    "standard": (StandardScaler(), GAPS),
    "centred": (StandardScaler(with_std=False), GAPS),
    "scaled": (StandardScaler(with_mean=False), GAPS),
    "min max": (MinMaxScaler(feature_range=(-2, 3), clip=True), GAPS),
    "max abs": (MaxAbsScaler(), GAPS),
    "robust": (RobustScaler(quantile_range=(10, 80), unit_variance=True), GAPS),
    "robust, centred only": (RobustScaler(with_scaling=False), GAPS),
    "quantiles": (QuantileTransformer(n_quantiles=50), GAPS),
    "quantiles, normal": (QuantileTransformer(n_quantiles=50, output_distribution="normal"), GAPS),
    "powers": (PowerTransformer(), GAPS),
    "powers as they come": (PowerTransformer(standardize=False), GAPS),
    "bins": (KBinsDiscretizer(n_bins=4, encode="ordinal", strategy="kmeans"), FULL),
    "bins as columns": (KBinsDiscretizer(n_bins=3, quantile_method="linear"), FULL),
    "bins of one width": (KBinsDiscretizer(encode="onehot-dense", strategy="uniform"), FULL),
    "polynomials": (PolynomialFeatures(degree=3, include_bias=True), FULL),
    "interactions": (PolynomialFeatures(interaction_only=True, include_bias=False), FULL),
    "linear terms": (PolynomialFeatures(degree=(0, 1)), FULL),
    "components": (PCA(3), FULL),
    "white components": (PCA(whiten=True, svd_solver="covariance_eigh"), FULL),
    "share of components": (PCA(0.9), FULL),
    "directions": (TruncatedSVD(2), FULL),
    "varying": (VarianceThreshold(30.0), GAPS),
    "best": (SelectKBest(f_regression, k=2), FULL),
    "best half": (SelectPercentile(mutual_info_regression, percentile=50), FULL),
    "all": (SelectKBest(r_regression, k="all"), FULL),
    "false positives": (SelectFpr(f_regression), FULL),
    "false discoveries": (SelectFdr(f_regression), FULL),
    "family-wise": (SelectFwe(f_regression), FULL),
    "as they are": (FunctionTransformer(feature_names_out="one-to-one"), GAPS),
}
ON_TEXTS = {
    "one hot": (OneHotEncoder(handle_unknown="ignore"), WORDS),
    "one hot, strict": (OneHotEncoder(), WORDS),
    "one hot, first left out": (OneHotEncoder(drop="first", handle_unknown="ignore"), WORDS),
    "one hot, of two": (OneHotEncoder(drop="if_binary", sparse_output=False), PENGUINS[["island", "year", "sex"]]),
    "one hot, named": (OneHotEncoder(drop=["Biscoe", "female"]), WORDS),
    "one hot, few": (OneHotEncoder(max_categories=2, handle_unknown="infrequent_if_exist"), KNOWN),
    "one hot, often": (OneHotEncoder(min_frequency=60, handle_unknown="ignore", drop="first"), KNOWN),
    "one hot, rarely missing": (OneHotEncoder(max_categories=2, handle_unknown="ignore"), WORDS),
    "one hot, share": (OneHotEncoder(min_frequency=0.2, handle_unknown="infrequent_if_exist"), KNOWN),
    "ordinal": (OrdinalEncoder(), WORDS),
    "ordinal, lenient": (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-5), WORDS),
    "ordinal, coded": (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2), WORDS,
    ),
    "ordinal, ordered": (
        OrdinalEncoder(categories=[["Dream", "Biscoe", "Torgersen"], ["male", "female", "unknown"]]), KNOWN,
    ),
    "target": (TargetEncoder(), WORDS),
    "target, smooth": (TargetEncoder(smooth=20.0, target_type="continuous"), WORDS),
    "modes": (SimpleImputer(strategy="most_frequent"), WORDS),
    "a word": (SimpleImputer(strategy="constant", fill_value="?"), WORDS),
}  # fmt: skip


def model_after(transformer, data):
    """Return trees, which take gaps; a linear model after what is sparse, and after sums, whose last bit is ours."""
    sums = isinstance(transformer, PCA | TruncatedSVD)
    return Ridge() if sums or hasattr(transformer.transform(data), "toarray") else trees()


def with_gaps(rows):
    rows = rows.copy()
    rows.iloc[::3, 0] = np.nan
    return rows


@pytest.mark.parametrize("name", ON_NUMBERS)
def test_steps_on_numbers_transform_and_serve_as_scikit_learns(name, tmp_path):
    transformer, data = ON_NUMBERS[name]
    new = [FAR, with_gaps(FAR)] if data is GAPS and name != "indicator" else [FAR]

    check_transform(transformer.fit(data, WEIGHTS), data, *new)

    fitted = make_pipeline(transformer, model_after(transformer, data)).fit(data, WEIGHTS)
    check_predict(fitted, data, tmp_path / "bundle", *new)


@pytest.mark.parametrize(
    "transformer",
    [
        FunctionTransformer(),
        make_pipeline(FunctionTransformer(), StandardScaler()),
        make_pipeline(StandardScaler(), FunctionTransformer()),
        make_column_transformer((FunctionTransformer(), NUMBERS[1:]), (StandardScaler(), NUMBERS[:1])),
        make_union(FunctionTransformer(), make_pipeline(StandardScaler(), FunctionTransformer())),
    ],
    ids=["alone", "first", "last", "by columns", "side by side"],
)
def test_what_passes_columns_on_needs_not_name_them(transformer):
    fitted = transformer.fit(FULL)

    check_transform(fitted, FULL, FAR)

    assert all(getattr(part, "feature_names_out", None) is None for part in parts_of(fitted))


@pytest.mark.parametrize("name", ON_TEXTS)
def test_steps_on_texts_transform_and_serve_as_scikit_learns(name, tmp_path):
    transformer, data = ON_TEXTS[name]
    lenient = getattr(transformer, "handle_unknown", "ignore") != "error" and not isinstance(transformer, SimpleImputer)
    new = [UNSEEN, with_gaps(UNSEEN)] if lenient else []

    check_transform(transformer.fit(data, WEIGHTS), data, *new)

    if not isinstance(transformer, SimpleImputer):
        fitted = make_pipeline(transformer, model_after(transformer, data)).fit(data, WEIGHTS)
        check_predict(fitted, data, tmp_path / "bundle", *new)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_target_encoders_of_classes_are_read(kind, tmp_path):
    species = PENGUINS["species"]
    target = (species == "Adelie").to_numpy() if kind == "binary" else species.to_numpy()

    check_transform(TargetEncoder().fit(WORDS, target), WORDS, UNSEEN)

    fitted = make_pipeline(TargetEncoder(), RandomForestClassifier(8)).fit(WORDS, target)
    check_predict(fitted, WORDS, tmp_path / "bundle", UNSEEN)


def test_categories_may_be_numbers_and_booleans():
    data = pd.DataFrame({"a": [3, 1, 2, 1], "b": [1.5, np.nan, 2.0, 1.5], "c": [True, False, True, True]})

    check_transform(OneHotEncoder(handle_unknown="ignore").fit(data), data, data.assign(a=9))
    check_transform(OrdinalEncoder().fit(data), data)


def test_indicators_may_be_filled_and_booleans_too():
    data = PENGUINS.drop(columns="species").assign(late=PENGUINS["year"] > 2007)
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), TEXTS),
        (SimpleImputer(add_indicator=True), NUMBERS),
        (SimpleImputer(), ["late", "year"]),
    )

    pipeline = check_transform(make_pipeline(encoded, SimpleImputer(), VarianceThreshold()).fit(data), data)

    assert "Casting" in [step.node for step in pipeline.fitted.steps]


def test_names_of_columns_are_ours_and_never_clash():
    data = pd.DataFrame({"a": ["x", "y", "x"], "a_x": [1.0, 2.0, 3.0], '`q` "z\n*': [3.0, 1.0, 2.0]})
    fitted = make_column_transformer(
        (OneHotEncoder(), ["a"]),
        (StandardScaler(), ["a_x", data.columns[2]]),
        ("passthrough", ["a_x", data.columns[2]]),
    ).fit(data)

    names = sklearn_columns(fitted, data)

    assert len(set(names.values())) == 6
    assert list(names.values())[2:4] == ["a_x", data.columns[2]]
    check_transform(fitted, data)


def test_the_strict_encoder_refuses_what_it_did_not_see_missing_or_not():
    fitted = OneHotEncoder().fit(KNOWN)
    pipeline = from_sklearn(fitted, KNOWN)

    for rows in (UNSEEN, KNOWN.head(2).assign(sex=None)):
        with pytest.raises(DataError, match="not seen in training"):
            pipeline.transform(rows)


def test_columns_without_values_are_left_out_by_imputers_and_refused_by_scalers():
    data = FULL.assign(body_mass_g=np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_transform(SimpleImputer().fit(data), data)
        check_transform(SimpleImputer(keep_empty_features=True).fit(data), data)
        scaler = StandardScaler().fit(data)

    with pytest.raises(UnsupportedEstimatorError, match=r"mean_ is not finite|scale_ is not finite"):
        from_sklearn(scaler, data)


def test_everything_in_the_catalogue_is_read_here():
    text = "".join(path.read_text() for path in Path(__file__).parent.glob("test_interop_reading*.py"))

    assert not [name for name in (*STEPS, *MODELS) if f"{name}(" not in text]


def test_counts_are_selected_by_chi2():
    data, target = load_wine(return_X_y=True, as_frame=True)

    check_transform(SelectKBest(chi2, k=4).fit(data, target), data)
