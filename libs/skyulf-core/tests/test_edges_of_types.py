"""At the edges of types: offsets of dates, the largest numbers, integers that a width does not hold, empty labels."""

import polars as pl
import pytest
from skyulf_core import DataError, Pipeline, Schema, validate_config
from skyulf_core.serving import RowError, load_plan

SPLIT = {"node": "TrainTestSplit", "config": {"target": "y", "random_state": 0}}


@pytest.fixture(scope="module")
def by_day(tmp_path_factory):
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 4, 29), eager=True)
    frame = pl.DataFrame({"day": days, "y": [float(i) for i in range(len(days))]})
    steps = [SPLIT, {"node": "DateParts", "config": {"columns": ["day"], "parts": ["month", "day"]}}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "ridge_regression"}}).fit(frame)
    return pipeline, load_plan(pipeline.save(tmp_path_factory.mktemp("day") / "model"))


@pytest.mark.parametrize("text", ["2020-03-31T23:00:00-05:00", "2020-03-01T01:00:00+05:00", "2020-03-01"])
def test_a_moment_with_an_offset_is_its_day_in_utc(by_day, text):
    pipeline, plan = by_day

    expected = pipeline.predict(pl.DataFrame({"day": [text]})).to_list()

    assert plan.predict_row({"day": text}).predictions == pytest.approx(expected, abs=1e-9)
    assert plan.predict_batch([{"day": text}]).predictions == pytest.approx(expected, abs=1e-9)


def test_a_moment_before_the_first_year_is_refused_in_a_sentence(by_day):
    pipeline, plan = by_day
    row = {"day": "0001-01-01T00:00:00+01:00"}

    with pytest.raises(DataError, match="'day' must hold dates"):
        pipeline.predict(pl.DataFrame([row]))
    with pytest.raises(RowError, match="day must be a date in ISO 8601"):
        plan.predict_row(row)


@pytest.mark.parametrize("lazy", [False, True])
def test_a_constant_of_the_largest_numbers_is_a_constant(lazy):
    frame = pl.DataFrame({"f": [1e300]})
    pipeline = Pipeline.from_config({"steps": [{"node": "StandardScaler"}]}).fit(frame.lazy() if lazy else frame)

    assert pipeline.transform(frame)["f"].to_list() == [0.0]


@pytest.mark.parametrize("to", ["int8", "int16", "int32", "uint64"])
def test_a_narrower_integer_may_be_null_and_the_schema_says_so(to):
    frame = pl.DataFrame({"i": [1, -(2**40)]})
    config = {"steps": [{"node": "Casting", "config": {"types": {"i": to}}}]}

    predicted = validate_config(config, Schema.from_frame(frame)).schemas[0]

    assert Pipeline.from_config(config).fit(frame).transform(frame)["i"].to_list() == [1, None]
    assert predicted.find("i").nullable


def test_a_class_without_a_name_keeps_its_column():
    frame = pl.DataFrame({"x": [float(i % 7) for i in range(80)], "y": ["", "x"] * 40})
    pipeline = Pipeline.from_config({"steps": [SPLIT], "model": {"node": "logistic_regression"}}).fit(frame)

    assert pipeline.predict_proba(frame).columns == ["", "x"]
