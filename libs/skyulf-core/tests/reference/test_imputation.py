"""The imputers agree with scikit-learn and pandas on real data."""

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.impute import IterativeImputer, KNNImputer, MissingIndicator, SimpleImputer
from sklearn.linear_model import BayesianRidge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.serving.ops import GroupLookup

PENGUINS = load_penguins()
NUMBERS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "year"]
RAW = {
    "wine": load_wine(as_frame=True).data,
    "diabetes": load_diabetes(as_frame=True).data,
    "breast_cancer": load_breast_cancer(as_frame=True).data.iloc[:200, :8],
}
REAL = {name: StandardScaler().set_output(transform="pandas").fit_transform(data) for name, data in RAW.items()}


def run(node, data, new, **config):
    entry = NodeRegistry.get(node)
    params = entry.calculator.fit(normalise(to_polars(data)), entry.config_model.model_validate(config))
    return entry.applier.apply(normalise(to_polars(new)), params)


def holes(frame, seed=0, share=0.1):
    draw = np.random.default_rng(seed)
    return frame.astype(float).mask(draw.random(frame.shape) < share)


def ordered(frame):
    """Return the rows sorted by their values, as the imputers learn from them."""
    return frame.iloc[np.lexsort(frame.to_numpy().T[::-1])]


@pytest.mark.compares("SimpleImputer")
@pytest.mark.parametrize("strategy", ["mean", "median", "most_frequent"])
def test_simple_imputer_agrees(strategy):
    train, new = holes(RAW["wine"]), holes(RAW["wine"], seed=1)

    found = run("SimpleImputer", train, new, strategy=strategy).to_numpy()

    wanted = SimpleImputer(strategy=strategy).fit(train).transform(new)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.compares("KNNImputer")
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("n_neighbors", [1, 5, 300])
def test_knn_imputer_agrees(name, weights, n_neighbors):
    train, new = holes(REAL[name]), holes(REAL[name] * 1.05 + 0.01, seed=1)

    found = run("KNNImputer", train, new, weights=weights, n_neighbors=n_neighbors).to_numpy()

    wanted = KNNImputer(n_neighbors=n_neighbors, weights=weights).fit(train).transform(new)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.compares("KNNImputer")
def test_knn_imputer_agrees_on_rows_that_have_nothing_in_common_with_others():
    train = pl.DataFrame({"a": [1.0, 2.0, None, None], "b": [None, None, 5.0, 8.0]})
    new = pl.DataFrame({"a": [None, 4.0, None], "b": [None, None, 5.5]}, schema_overrides={"a": pl.Float64})

    found = run("KNNImputer", train, new, n_neighbors=2).to_numpy()

    wanted = KNNImputer(n_neighbors=2).fit(train.to_numpy()).transform(new.to_numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


@pytest.mark.compares("KNNImputer")
def test_knn_imputer_takes_equal_rows_alone_when_weighing_by_distance():
    train = pl.DataFrame({"a": [0.1, 0.1, 0.3], "b": [1.0, 3.0, 50.0]})

    found = run("KNNImputer", train, train.with_columns(b=pl.lit(None, pl.Float64)), weights="distance")

    assert found["b"].to_list() == [2.0, 2.0, 50.0]


@pytest.mark.compares("KNNImputer")
def test_knn_imputer_keeps_a_sample_of_many_rows():
    entry = NodeRegistry.get("KNNImputer")
    data = to_polars(REAL["wine"])

    params = entry.calculator.fit(data, entry.config_model(max_samples=50))

    assert params["matrix"].shape == (50, 13)
    assert set(map(tuple, params["matrix"])) <= set(data.rows())


ESTIMATORS = {
    "bayesian_ridge": (BayesianRidge(), {}),
    "decision_tree": (DecisionTreeRegressor(max_depth=4, random_state=5), {"max_depth": 4, "random_state": 5}),
    "extra_trees": (
        ExtraTreesRegressor(n_estimators=2, max_depth=4, random_state=5),
        {"n_estimators": 2, "max_depth": 4, "random_state": 5},
    ),
    "k_neighbors": (KNeighborsRegressor(n_neighbors=4), {"n_neighbors": 4}),
}


@pytest.mark.compares("IterativeImputer")
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_iterative_imputer_agrees(name, estimator):
    data = REAL[name].iloc[:, :6]
    train, new = ordered(holes(data)), holes(data * 1.05 + 0.01, seed=1, share=0.2)
    regressor, options = ESTIMATORS[estimator]
    rounds = 10 if estimator == "bayesian_ridge" else 3
    reference = IterativeImputer(regressor, max_iter=rounds).fit(train)

    found = run("IterativeImputer", train, new, estimator=estimator, max_iter=rounds, **options).to_numpy()

    np.testing.assert_allclose(found, reference.transform(new), rtol=1e-9, atol=1e-9)


@pytest.mark.compares("IterativeImputer")
@pytest.mark.parametrize("options", [{"max_iter": 0}, {"columns": ["alcohol"]}])
def test_iterative_imputer_without_rounds_takes_the_mean(options):
    train = holes(RAW["wine"])

    found = run("IterativeImputer", train, train, **options)

    wanted = SimpleImputer().fit_transform(train)
    np.testing.assert_allclose(found["alcohol"].to_numpy(), wanted[:, 0], rtol=1e-9)


@pytest.mark.compares("GroupImputer")
@pytest.mark.parametrize("strategy", ["mean", "median"])
@pytest.mark.parametrize("groups", [["species"], ["species", "sex", "year"]])
def test_group_imputer_agrees_with_pandas(strategy, groups):
    train = PENGUINS.copy()
    columns = NUMBERS[:4]
    train[columns] = holes(train[columns], seed=2, share=0.3)

    found = run("GroupImputer", train, train, columns=columns, group_by=groups, strategy=strategy)

    usual = train.groupby(groups, dropna=False)[columns].transform(strategy)
    wanted = train[columns].fillna(usual).fillna(train[columns].agg(strategy))
    np.testing.assert_allclose(found.select(columns).to_numpy(), wanted.to_numpy(), rtol=1e-9)


@pytest.mark.compares("GroupImputer")
def test_group_imputer_agrees_with_pandas_on_texts_and_unseen_groups():
    train = PENGUINS[["species", "island", "sex"]]
    new = pl.DataFrame(
        {"species": ["Adelie", "Dodo", None], "island": ["Dream"] * 3, "sex": [None, None, None]},
        schema_overrides={"sex": pl.String},
    )
    modes = train.groupby("species")["sex"].agg(lambda values: values.mode().min())

    options = {"columns": ["sex"], "group_by": ["species"], "strategy": "most_frequent"}

    assert run("GroupImputer", train, new, **options)["sex"].to_list() == [modes["Adelie"], "male", "male"]
    assert run("GroupImputer", train, new, fallback="none", **options)["sex"].to_list() == [modes["Adelie"], None, None]


@pytest.mark.compares("GroupImputer")
def test_group_imputer_refuses_columns_without_values():
    data = pl.DataFrame({"g": ["a"], "x": pl.Series([None], dtype=pl.Float64)})

    with pytest.raises(DataError, match="column 'x' has no value"):
        run("GroupImputer", data, data, group_by=["g"], columns=["x"])

    assert run("GroupImputer", data, data, group_by=["g"], columns=["x"], fallback="none")["x"].to_list() == [None]


def test_group_lookup_keeps_what_is_asked_for_alone():
    op = GroupLookup(("g",), (("a",),), ("x", "y"), ((1.0,), (2.0,)), (None, None), mode="fill")
    row = {"g": "a", "y": None}

    op.restrict(frozenset({"y"})).row(row)

    assert row == {"g": "a", "y": 2.0}
    assert op.restrict(frozenset({"z"})) is None


@pytest.mark.compares("MissingIndicator")
@pytest.mark.parametrize("features", ["missing-only", "all"])
def test_missing_indicator_agrees(features):
    train = PENGUINS[NUMBERS]
    new = holes(train, seed=4)
    reference = MissingIndicator(features=features, error_on_new=False).fit(train)

    found = run("MissingIndicator", train, new, features=features)

    np.testing.assert_array_equal(found.to_numpy()[:, len(NUMBERS) :].astype(bool), reference.transform(new))
