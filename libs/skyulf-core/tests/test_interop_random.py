"""from_sklearn on pipelines put together at random: new rows get scikit-learn's answers, here and from the plan."""

import json
import random

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
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
from skyulf_core.interop import from_sklearn, sklearn_columns
from skyulf_core.serving import load_plan

pytestmark = pytest.mark.filterwarnings("ignore")

NUMBERS, TEXTS = ["wide", "narrow", "whole", "two words"], ["text", "two", "category", "whole"]
LENIENT = {"handle_unknown": "ignore", "sparse_output": False}
ON_NUMBERS = [
    StandardScaler(),
    MinMaxScaler(clip=True),
    MaxAbsScaler(),
    RobustScaler(),
    QuantileTransformer(n_quantiles=20),
    PowerTransformer(),
    SimpleImputer(strategy="median", add_indicator=True),
    SimpleImputer(strategy="constant", fill_value=-1),
    "passthrough",
    make_pipeline(SimpleImputer(), KBinsDiscretizer(3, encode="onehot-dense")),
    make_pipeline(SimpleImputer(), PolynomialFeatures(2)),
    make_union(StandardScaler(), SimpleImputer(), MissingIndicator(features="all")),
    make_pipeline(SimpleImputer(), OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
]
ON_TEXTS = [
    OneHotEncoder(**LENIENT),
    OneHotEncoder(**LENIENT, drop="if_binary", max_categories=3),
    OneHotEncoder(handle_unknown="infrequent_if_exist", sparse_output=False, min_frequency=0.22),
    OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=-2),
    TargetEncoder(),
    make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(**LENIENT, drop="first")),
]
MODELS = [Ridge(), LogisticRegression(), HistGradientBoostingRegressor(max_iter=3), RandomForestClassifier(4)]


def rows(seed, words):
    rng = np.random.default_rng(seed)
    count = 120
    data = pd.DataFrame(
        {
            "wide": np.where(rng.random(count) < 0.2, np.nan, rng.normal(size=count) * 1000),
            "narrow": rng.lognormal(size=count),
            "whole": rng.integers(-3, 6, count),
            "two words": rng.normal(size=count),
            "text": pd.Series(rng.choice(words, count)).mask(rng.random(count) < 0.15),
            "two": rng.choice(["x", "y"], count),
            "category": pd.Categorical(rng.choice(["p", "q", "r"], count)),
        }
    )
    return data, rng.normal(size=count)


def columns_of(chance):
    parts = []
    for number in range(chance.randint(1, 4)):
        steps, names = chance.choice([(ON_NUMBERS, NUMBERS), (ON_TEXTS, TEXTS)])
        parts.append((f"part {number}", chance.choice(steps), chance.sample(names, chance.randint(1, 3))))
    return ColumnTransformer(parts, sparse_threshold=0)


@pytest.mark.parametrize("seed", range(24))
def test_columns_put_together_at_random_come_out_as_scikit_learns(seed):
    data, target = rows(seed, ["a", "b", "c d", "é", "`"])
    new, _ = rows(seed + 1000, ["a", "b", "unseen"])
    fitted = columns_of(random.Random(seed)).fit(data, target)

    found = pl.from_pandas(from_sklearn(fitted, data).transform(new)).select(sklearn_columns(fitted, data).values())

    expected = np.asarray(fitted.transform(new), np.float64)
    ours = found.cast(pl.Float64).fill_null(np.nan).to_numpy()
    np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(24))
def test_models_after_columns_put_together_at_random_predict_as_scikit_learns(seed, tmp_path):
    chance = random.Random(seed)
    data, target = rows(seed, ["a", "b", "c d", "é", "`"])
    new, _ = rows(seed + 1000, ["a", "b", "unseen"])
    model = chance.choice(MODELS)
    linear = isinstance(model, Ridge | LogisticRegression)
    between = [SimpleImputer(), VarianceThreshold(), *([StandardScaler(), PCA()] if linear else [])]
    answers = target > 0 if hasattr(model, "predict_proba") else target
    fitted = make_pipeline(columns_of(chance), *between, model).fit(data, answers)

    pipeline = from_sklearn(fitted, data)

    plan = load_plan(pipeline.save(tmp_path / "bundle"))
    served = plan.predict_rows(json.loads(pl.from_pandas(new).write_json())).predictions
    expected = fitted.predict(new)
    for found in (pipeline.predict(new).to_list(), served):
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        else:
            assert found == expected.tolist()
