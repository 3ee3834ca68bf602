"""from_sklearn: fitted pipelines of scikit-learn answer the same here, in the library, in the plan, after loading."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier
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
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
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
from skyulf_core import Pipeline as SkyulfPipeline
from skyulf_core.interop import SkyulfTransformer, UnsupportedEstimatorError, from_sklearn, sklearn_columns
from skyulf_core.interop.reading.catalogue import MODELS, STEPS
from skyulf_core.interop.reading.walking import parts_of
from skyulf_core.problems import DataError
from skyulf_core.serving import load_plan

pytestmark = pytest.mark.filterwarnings("ignore")

PENGUINS = load_penguins()
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
TEXTS = ["island", "sex"]
WEIGHTS = PENGUINS["body_mass_g"].fillna(4000.0).to_numpy()
GAPS = PENGUINS[NUMBERS]
FULL = GAPS.fillna(GAPS.mean())
WORDS = PENGUINS[TEXTS]
KNOWN = WORDS.fillna("unknown")
UNSEEN = pd.concat([WORDS, pd.DataFrame({"island": ["Mars", "Dream"], "sex": ["female", "other"]})]).iloc[-30:]


def trees(**options):
    return HistGradientBoostingRegressor(max_iter=4, min_samples_leaf=5, **options)


def dense(found):
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, dtype=object)


def agree(theirs, ours):
    ours = np.array(ours.rows(), dtype=object)
    assert ours.shape == theirs.shape
    for a, b in zip(theirs.ravel(), ours.ravel(), strict=True):
        if isinstance(a, str):
            assert a == b
        else:
            a, b = (np.nan if value is None or value is pd.NA else float(value) for value in (a, b))
            assert (a != a and b != b) or abs(a - b) <= 1e-9 * max(1.0, abs(a)), (a, b)


def records(frame):
    return [
        {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}
        for row in json.loads(pl.from_pandas(frame).write_json())
    ]


def check_transform(fitted, data, *more):
    pipeline = from_sklearn(fitted, data)
    names = list(sklearn_columns(fitted, data).values())
    for rows in (data, *more):
        found = pl.from_pandas(pd.DataFrame(pipeline.transform(rows)))
        assert set(found.columns) == set(names)
        agree(dense(fitted.transform(rows)), found.select(names))
    return pipeline


def check_predict(fitted, data, folder, *more):
    """In the library, from a bundle, and by the serving plan: row by row and as a batch."""
    pipeline = from_sklearn(fitted, data, target="answer")
    loaded = SkyulfPipeline.load(pipeline.save(folder))
    plan = load_plan(folder)
    for rows in (data, *more):
        expected = fitted.predict(rows)
        labels = expected.dtype.kind not in "f"
        batch = plan.predict_rows(records(rows))
        single = [plan.predict_row(row).predictions[0] for row in records(rows)[::5]]
        for found in (pipeline.predict(rows), loaded.predict(rows), batch.predictions):
            if labels:
                assert list(found) == expected.tolist()
            else:
                np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-9)
        assert single == batch.predictions[::5]
        if labels:
            chances = fitted.predict_proba(rows)
            np.testing.assert_allclose(pipeline.predict_proba(rows).to_numpy(), chances, rtol=0, atol=1e-9)
            served = [list(row.values()) for row in batch.probabilities]
            np.testing.assert_allclose(served, chances, rtol=0, atol=1e-9)
    return pipeline


# Name: transformer, rows that it is fitted on, and new rows (with values that training did not have).
FAR = FULL * 1.7 - 300.0
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


def columns(**options):
    return ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
            ("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS),
        ],
        **options,
    )


def test_a_classic_pipeline_with_nulls_and_unseen_categories(tmp_path):
    data, target = PENGUINS.drop(columns="species"), PENGUINS["species"]
    new = data.head(40).assign(island="Mars")
    assert new["sex"].isna().any()
    fitted = Pipeline([("columns", columns()), ("model", LogisticRegression(max_iter=500))]).fit(data, target)

    pipeline = check_predict(fitted, data, tmp_path / "bundle", new)

    assert [step.node for step in pipeline.fitted.steps] == [
        "FeatureTargetSplit", "DropColumns", "SimpleImputer", "StandardScaler", "OneHotEncoder",
    ]  # fmt: skip
    assert [step.id for step in pipeline.fitted.steps][2:] == [
        "columns__numbers__simpleimputer", "columns__numbers__standardscaler", "columns__texts",
    ]  # fmt: skip
    assert pipeline.fitted.classes == ("Adelie", "Chinstrap", "Gentoo")
    assert pipeline.fitted.target == "answer"
    assert len(pipeline.fitted.golden.rows) == 20


def test_what_was_read_can_be_fitted_again_and_gives_the_same(tmp_path):
    data = PENGUINS.drop(columns="species")
    fitted = make_pipeline(columns(), RandomForestClassifier(12, random_state=3)).fit(data, PENGUINS["species"])
    pipeline = from_sklearn(fitted, data, target="species")

    again = SkyulfPipeline.from_config(pipeline.config).fit(PENGUINS)

    assert again.predict(data).equals(pipeline.predict(data))


def test_rows_that_a_server_gets_need_no_column_that_is_dropped():
    data = PENGUINS.drop(columns="species")
    fitted = make_pipeline(columns(), LogisticRegression(max_iter=500)).fit(data, PENGUINS["species"])
    pipeline = from_sklearn(fitted, data)

    assert pipeline.fitted.optional_columns() == {"year"}
    assert pipeline.predict(data.drop(columns="year")).tolist() == fitted.predict(data).tolist()


SHAPES = {
    "rest dropped": columns(),
    "rest kept": columns(remainder="passthrough"),
    "rest scaled": columns(remainder=MinMaxScaler()),
    "short names": columns(remainder="passthrough", verbose_feature_names_out=False),
    "selected": make_column_transformer(
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
        (SimpleImputer(), make_column_selector(dtype_include="number")),
    ),
    "by position": ColumnTransformer(
        [("a", "drop", [0]), ("b", SimpleImputer(), slice(1, 3)), ("c", "passthrough", [-1])]
    ),
    "by mask": ColumnTransformer([("a", MinMaxScaler(), [False, True, False, True, False, False, False])]),
    "nothing": ColumnTransformer([("a", StandardScaler(), []), ("b", "passthrough", NUMBERS)]),
    "twice": ColumnTransformer(
        [
            ("scaled", StandardScaler(), NUMBERS),
            ("raw", "passthrough", [*NUMBERS, "island"]),
            ("ranked", QuantileTransformer(n_quantiles=20), NUMBERS[:2]),
            ("coded", OrdinalEncoder(), TEXTS),
            ("shown", OneHotEncoder(), ["island"]),
        ]
    ),
    "nested": make_pipeline(
        columns(remainder="passthrough", sparse_threshold=0),
        ColumnTransformer([("a", MinMaxScaler(), slice(0, 3)), ("b", "passthrough", slice(3, 8))]),
        "passthrough",
    ),
    "union": make_pipeline(
        ColumnTransformer([("numbers", SimpleImputer(), NUMBERS)]),
        make_union(StandardScaler(), PCA(2), make_pipeline(PolynomialFeatures(), MinMaxScaler()), "passthrough"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_column_transformers_pipelines_and_unions_of_every_shape(shape):
    data = PENGUINS.drop(columns="species")

    check_transform(SHAPES[shape].fit(data), data)


def test_nodes_inside_a_pipeline_of_scikit_learn_are_taken_out_again(tmp_path):
    data = PENGUINS.drop(columns="species")
    parts = ColumnTransformer(
        [
            ("filled", SkyulfTransformer("SimpleImputer"), NUMBERS),
            ("texts", SkyulfTransformer("FrequencyEncoder", columns=["island"]), ["island"]),
            ("shown", SkyulfTransformer("OneHotEncoder", include_missing=True), ["sex"]),
        ],
        verbose_feature_names_out=False,
    )
    steps = [SkyulfTransformer("Winsorize"), SkyulfTransformer("StandardScaler"), LogisticRegression(max_iter=500)]
    fitted = make_pipeline(parts, *steps).set_output(transform="pandas").fit(data, PENGUINS["species"])

    pipeline = check_predict(fitted, data, tmp_path / "bundle", data.head(9).assign(island="Mars"))

    assert [step.node for step in pipeline.fitted.steps] == [
        "FeatureTargetSplit", "DropColumns", "SimpleImputer", "FrequencyEncoder", "OneHotEncoder", "Winsorize",
        "StandardScaler",
    ]  # fmt: skip


def test_pipelines_inside_pipelines_may_end_with_the_model(tmp_path):
    inner = Pipeline([("scale", StandardScaler()), ("model", Ridge())])
    fitted = Pipeline([("fill", SimpleImputer()), ("rest", inner)]).fit(GAPS, WEIGHTS)

    pipeline = check_predict(fitted, GAPS, tmp_path / "bundle", FAR)

    assert [step.id for step in pipeline.fitted.steps] == ["split", "fill", "rest__scale"]


def test_parts_of_a_union_may_be_dropped():
    union = FeatureUnion([("a", StandardScaler()), ("b", "drop")]).fit(FULL)

    assert list(sklearn_columns(union, FULL)) == [f"a__{name}" for name in NUMBERS]
    check_transform(union, FULL, FAR)


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


def test_polars_frames_are_read_as_pandas_frames_are():
    data = pl.from_pandas(PENGUINS.drop(columns="species"))
    fitted = columns().set_params(texts__sparse_output=False).set_output(transform="polars").fit(data)

    found = from_sklearn(fitted, data).transform(data)

    names = sklearn_columns(fitted, data)
    agree(np.array(fitted.transform(data).rows(), dtype=object), found.select(names.values()))
    assert names["texts__sex_None"] == "sex_missing"


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
    text = Path(__file__).read_text()

    assert not [name for name in (*STEPS, *MODELS) if f"{name}(" not in text]


def test_counts_are_selected_by_chi2():
    data, target = load_wine(return_X_y=True, as_frame=True)

    check_transform(SelectKBest(chi2, k=4).fit(data, target), data)
