"""Inspection nodes agree with pandas on real data, and refuse what is not promised."""

import math

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from skyulf_core import DataError, NodeRegistry, Pipeline
from skyulf_core.data.frames import normalise, to_polars
from skyulf_core.serving import PlanModel
from skyulf_core.serving.errors import RowError
from skyulf_core.testing import sample_frame

PENGUINS = load_penguins()
FRAME = normalise(to_polars(PENGUINS))
SAMPLE = sample_frame(200)


def learned(node, frame, **config):
    entry = NodeRegistry.get(node)
    return entry.calculator.fit(frame, entry.config_model.model_validate(config))


def expect(frame, *expectations):
    return learned("Expect", frame, expectations=list(expectations))


@pytest.mark.compares("DatasetProfile")
def test_profile_agrees_with_pandas_on_numbers():
    profile = learned("DatasetProfile", FRAME)
    table = PENGUINS.describe(percentiles=[0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99])

    assert profile["rows"] == len(PENGUINS)
    for column in profile["columns"]:
        series = PENGUINS[column["name"]]
        assert (column["count"], column["missing"]) == (series.count(), series.isna().sum())
        assert column["distinct"] == series.nunique()
        if column["name"] in table:
            wanted = table[column["name"]]
            found = [column[key] for key in ("min", "max", "mean", "std")]
            np.testing.assert_allclose(found, wanted[["min", "max", "mean", "std"]], rtol=1e-9)
            levels = [column["quantiles"][str(level)] for level in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)]
            np.testing.assert_allclose(levels, wanted[["1%", "5%", "25%", "50%", "75%", "95%", "99%"]], rtol=1e-9)


@pytest.mark.compares("DatasetProfile")
@pytest.mark.parametrize("name", ["species", "island", "sex", "year", "bill_depth_mm"])
def test_profile_has_the_most_frequent_values_in_order(name):
    counts = PENGUINS[name].value_counts()
    pairs = sorted(((-rows, value) for value, rows in counts.items()))[:4]

    top = learned("DatasetProfile", FRAME, columns=[name], top=4)["columns"][0]["top"]

    assert [(item["value"], item["count"]) for item in top] == [(value, -rows) for rows, value in pairs]


@pytest.mark.compares("DatasetProfile")
def test_profile_says_what_dates_flags_and_odd_numbers_are():
    data = SAMPLE.with_columns(odd=pl.Series([math.inf, *[1.0] * 199])).select("at", "day", "flag", "odd", "note")
    at, day, flag, odd, note = learned("DatasetProfile", data)["columns"]
    table = SAMPLE.to_pandas()

    assert at["min"] == table["at"].min().isoformat()
    assert day["max"] == max(SAMPLE["day"].to_list()).isoformat()
    assert flag["mean"] == pytest.approx(table["flag"].mean())
    assert (odd["max"], odd["mean"], odd["std"]) == ("inf", "inf", None)
    assert (note["mean"], note["quantiles"]) == (None, None)


@pytest.mark.compares("DataSnapshot")
def test_snapshot_is_the_head():
    params = learned("DataSnapshot", FRAME, rows=7)
    head = PENGUINS.head(7).astype(object)

    assert [column["name"] for column in params["columns"]] == PENGUINS.columns.tolist()
    assert params["rows"] == head.where(head.notna(), None).to_numpy().tolist()


@pytest.mark.compares("Expect")
def test_expectations_are_counted_row_by_row():
    found = expect(
        FRAME,
        *(
            {"on_failure": "warn", **each}
            for each in [
                {"check": "not_null", "columns": ["sex", "species"]},
                {"check": "range", "columns": ["body_mass_g"], "lower": 3000, "upper": 6000},
                {"check": "unique", "columns": ["bill_length_mm", "bill_depth_mm"]},
                {"check": "allowed", "columns": ["island", "year"], "values": ["Dream", "Biscoe", 2007, 2008.0]},
                {"check": "regex", "columns": ["species"], "pattern": "[A-F].*"},
                {"check": "row_count", "upper": 300},
                {"check": "exists", "columns": ["weight", "sex"]},
                {"check": "type", "columns": ["year", "sex"], "type": "integer"},
            ]
        ),
    )["findings"]

    mass, bill = PENGUINS["body_mass_g"], PENGUINS[["bill_length_mm", "bill_depth_mm"]].dropna()
    outside = ((mass < 3000) | (mass > 6000)).sum()
    assert [(item["expectation"], item["column"]) for item in found] == [
        (0, "sex"), (1, "body_mass_g"), (2, "bill_length_mm"), (3, "island"), (3, "year"), (4, "species"), (5, None),
        (6, "weight"), (7, "sex"),
    ]  # fmt: skip
    assert f"{PENGUINS['sex'].isna().sum()} values are missing" in found[0]["message"]
    assert f"({outside} rows)" in found[1]["message"]
    assert f" {bill.duplicated().sum()} rows repeat" in found[2]["message"]
    assert f"({(PENGUINS['island'] == 'Torgersen').sum()} rows)" in found[3]["message"]
    assert f"({(PENGUINS['year'] == 2009).sum()} rows)" in found[4]["message"]
    assert f"({(PENGUINS['species'] == 'Gentoo').sum()} rows)" in found[5]["message"]


@pytest.mark.compares("Expect")
def test_all_broken_promises_are_in_one_error():
    with pytest.raises(DataError) as caught:
        expect(
            FRAME,
            {"check": "not_null", "columns": ["sex"]},
            {"check": "exists", "columns": ["weight"]},
            {"check": "row_count", "lower": 1000},
            {"check": "regex", "columns": ["year"], "pattern": "x"},
        )

    assert caught.value.reason == "expectation-failed"
    for part in (
        "'sex': 11 values are missing",
        "'weight' is missing",
        "344 rows, fewer than 1000",
        "'year' is integer",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("expectation", "says"),
    [
        ({"check": "range", "columns": ["x"]}, "needs lower or upper"),
        ({"check": "regex", "columns": ["x"], "pattern": "(?=x)"}, "none of RE2"),
        ({"check": "unique"}, "columns are needed"),
        ({"check": "not_null", "columns": ["x"], "values": [1]}, "values is not used by check 'not_null'"),
    ],
)
def test_an_expectation_says_what_it_lacks(expectation, says):
    with pytest.raises(ValueError, match=says):
        NodeRegistry.get("Expect").config_model.model_validate({"expectations": [expectation]})


CONTRACT = [
    {"check": "range", "columns": ["count"], "lower": 0, "upper": 50},
    {"check": "allowed", "columns": ["plan"], "values": ["basic", "pro", "team"]},
    {"check": "regex", "columns": ["city"], "pattern": r"\pL+"},
    {"check": "not_null", "columns": ["price", "city"]},
]


@pytest.fixture(scope="module")
def pipeline():
    keep = ["count", "plan", "city", "price", "large"]
    return Pipeline.from_config(
        {
            "steps": [
                {"node": "TrainTestSplit", "config": {"target": "label", "random_state": 0}},
                {"node": "SelectColumns", "config": {"columns": keep}},
                {"node": "Expect", "config": {"expectations": CONTRACT}},
                {"node": "TextCleaning", "config": {"case": "lower"}},
                {"node": "OneHotEncoder", "config": {"columns": ["plan"]}},
                {"node": "DropColumns", "config": {"columns": ["city"]}},
            ],
            "model": {"node": "random_forest_classifier", "config": {"n_estimators": 3}},
        }
    ).fit(SAMPLE)


@pytest.mark.compares("Expect")
@pytest.mark.parametrize("rows", [1, 100])
def test_a_prediction_is_held_to_the_contract_in_frames_and_in_serving(pipeline, rows):
    good = {"count": 3, "plan": "pro", "city": "Oslo", "price": 4.5, "large": 1e6}
    plan = PlanModel(pipeline.serving_plan())
    assert len(plan.predict_rows([good] * rows)) == rows

    bad = good | {"count": 51, "plan": "gold", "city": "Oslo 2"}
    with pytest.raises(RowError) as refused:
        plan.predict_rows([good] * (rows - 1) + [bad])
    with pytest.raises(DataError) as caught:
        pipeline.predict(pl.DataFrame([good, bad]))

    assert [(problem.row_index, problem.field, problem.code) for problem in refused.value.problems] == [
        (rows - 1, "count", "out_of_range"), (rows - 1, "plan", "not_allowed"), (rows - 1, "city", "no_match"),
    ]  # fmt: skip
    for part in ("51 lies outside of 0 to 50", "'gold' is none of", "'Oslo 2' does not match"):
        assert part in str(caught.value)
        assert part in str(refused.value)


def test_a_column_that_must_have_a_value_is_checked_at_the_door(pipeline):
    row = {"count": 3, "plan": None, "city": None, "price": 4.5, "large": 1e6}

    with pytest.raises(RowError) as refused:
        PlanModel(pipeline.serving_plan()).predict_row(row)
    with pytest.raises(RowError) as absent:
        PlanModel(pipeline.serving_plan()).predict_row({name: value for name, value in row.items() if name != "city"})

    assert [(problem.field, problem.code) for problem in refused.value.problems] == [("city", "null")]
    assert [(problem.field, problem.code) for problem in absent.value.problems] == [("city", "missing")]
