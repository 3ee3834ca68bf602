"""Whole pipelines: the library, the plan on a batch and the plan on single rows give the same answers."""

import numpy as np
import polars as pl
import pytest
from skyulf_core import Pipeline
from skyulf_core.bundle import verify
from skyulf_core.serving import load_plan

RNG = np.random.default_rng(11)
ROWS = 3_000


def flights():
    """Return rows like real flights: whole numbers, floats with nulls, categories with rare ones, flags, times."""
    hour = RNG.integers(5, 24, ROWS)
    distance = RNG.normal(1000, 400, ROWS)
    carrier = RNG.choice(["UA", "AA", "DL", "HA", "ü"], ROWS, p=[0.4, 0.3, 0.28, 0.01, 0.01])
    delay = 2.0 * hour + RNG.normal(0, 15, ROWS) + 10 * (carrier == "UA") - distance / 200
    frame = pl.DataFrame(
        {
            "hour": hour,
            "distance": distance,
            "carrier": carrier,
            "weekend": RNG.random(ROWS) < 0.3,
            "at": np.datetime64("2013-01-01", "us") + (RNG.random(ROWS) * 365 * 86_400_000_000).astype(np.int64),
            "unused": "x",
            "delay": delay,
        }
    )
    gaps = pl.Series(RNG.random(ROWS) < 0.05)
    return frame.with_columns(
        pl.when(~gaps).then("distance"), pl.when(~gaps.reverse()).then("carrier"), late=pl.col("delay") > 20
    )


FRAME = flights()

STEPS = [
    {"node": "DropColumns", "config": {"columns": ["unused"]}},
    {"node": "SimpleImputer", "config": {"columns": ["distance"], "strategy": "median"}},
    {"node": "Winsorize", "config": {"columns": ["distance"]}},
    {
        "node": "DateParts",
        "config": {"columns": ["at"], "parts": ["month", "weekday", "day_of_year", "is_weekend"], "cyclical": True},
    },
    {"node": "OneHotEncoder", "config": {"columns": ["carrier"]}},
    {"node": "StandardScaler", "config": {"columns": ["hour", "distance", "at_month_sin"]}},
]
CLASSIFIERS = ["logistic_regression", "random_forest_classifier", "hist_gradient_boosting_classifier"]
REGRESSORS = ["ridge_regression", "hist_gradient_boosting_regressor"]


def trained(model, target, other):
    split = {"node": "TrainTestSplit", "config": {"target": target, "test_size": 0.2, "random_state": 1}}
    drop = {"node": "DropColumns", "config": {"columns": [other]}}
    return Pipeline.from_config({"steps": [split, drop, *STEPS], "model": {"node": model}}).fit(FRAME)


@pytest.mark.parametrize("model", CLASSIFIERS)
def test_classifiers_answer_the_same_everywhere_to_the_last_bit(model, tmp_path):
    pipeline = trained(model, "late", "delay")
    pipeline.save(tmp_path)
    plan = load_plan(tmp_path)
    rows = FRAME.select(column.name for column in plan.input_schema).to_dicts()

    batch = plan.predict_batch(rows)

    assert batch.predictions == pipeline.predict(FRAME).to_list()
    assert [tuple(row.values()) for row in batch.probabilities] == pipeline.predict_proba(FRAME).rows()
    for i in range(0, ROWS, 15):
        one = plan.predict_row(rows[i])
        assert one.predictions[0] is batch.predictions[i]
        assert one.probabilities[0] == batch.probabilities[i]
    assert verify(tmp_path).largest_difference == 0.0
    assert Pipeline.load(tmp_path).predict(FRAME).to_list() == batch.predictions


@pytest.mark.parametrize("model", REGRESSORS)
def test_regressors_answer_the_same_everywhere_to_the_last_bit(model, tmp_path):
    pipeline = trained(model, "delay", "late")
    pipeline.save(tmp_path)
    plan = load_plan(tmp_path)
    rows = FRAME.select(column.name for column in plan.input_schema).to_dicts()

    batch = plan.predict_batch(rows)

    assert batch.predictions == pipeline.predict(FRAME).to_list()
    assert [plan.predict_row(row).predictions[0] for row in rows[::15]] == batch.predictions[::15]
    assert verify(tmp_path).largest_difference == 0.0


def test_a_client_need_not_send_what_is_dropped_or_predicted(tmp_path):
    pipeline = trained("hist_gradient_boosting_classifier", "late", "delay")
    pipeline.save(tmp_path)

    assert load_plan(tmp_path).required_fields == {"hour", "distance", "carrier", "weekend", "at"}
