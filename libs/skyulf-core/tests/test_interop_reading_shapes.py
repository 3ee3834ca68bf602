"""from_sklearn: column transformers, pipelines and unions of every shape answer the same here."""

import numpy as np
import polars as pl
import pytest
from interop_reading import FAR, FULL, GAPS, NUMBERS, PENGUINS, TEXTS, WEIGHTS, agree, check_predict, check_transform
from sklearn.compose import ColumnTransformer, make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)
from skyulf_core import Pipeline as SkyulfPipeline
from skyulf_core.interop import SkyulfTransformer, from_sklearn, sklearn_columns

pytestmark = pytest.mark.filterwarnings("ignore")


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


def test_polars_frames_are_read_as_pandas_frames_are():
    data = pl.from_pandas(PENGUINS.drop(columns="species"))
    fitted = columns().set_params(texts__sparse_output=False).set_output(transform="polars").fit(data)

    found = from_sklearn(fitted, data).transform(data)

    names = sklearn_columns(fitted, data)
    agree(np.array(fitted.transform(data).rows(), dtype=object), found.select(names.values()))
    assert names["texts__sex_None"] == "sex_missing"
