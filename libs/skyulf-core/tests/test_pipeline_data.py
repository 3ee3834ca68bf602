"""Data that cannot be used is refused clearly; held-out rows teach nothing."""

import datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from palmerpenguins import load_penguins
from skyulf_core import DataError, InvalidConfigError, NotFittedError, Pipeline, Schema
from skyulf_core.testing.compare import require_same_params

SPLIT = {"node": "TrainTestSplit", "config": {"target": "y", "random_state": 0}}
CONFIG = {"steps": [SPLIT, {"node": "SimpleImputer"}], "model": {"node": "logistic_regression"}}
X = np.arange(40.0)


def fit(data, config=CONFIG):
    return Pipeline.from_config(config).fit(pl.DataFrame(data) if isinstance(data, dict) else data)


def split(**options):
    return {**CONFIG, "steps": [{"node": "TrainTestSplit", "config": {"target": "y", **options}}, *CONFIG["steps"][1:]]}


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (["a"] * 40, "constant-target"),
        (["a", "b"] * 19 + [None, "a"], "null-target"),
        ([0.5, 1.5] * 20, "continuous-target"),
        (["a", "b"] * 19 + ["c", "a"], None),
    ],
)
def test_target_is_checked(target, reason):
    data = {"x": X, "y": target}

    if reason is None:
        with pytest.raises(DataError) as caught:
            fit(data, split(stratify=True))
        assert caught.value.reason == "class-too-small"
    else:
        with pytest.raises(DataError) as caught:
            fit(data)
        assert (caught.value.reason, caught.value.column) == (reason, "y")


def test_missing_target_is_a_problem_with_a_suggestion():
    with pytest.raises(InvalidConfigError) as caught:
        fit({"x": X, "yy": ["a", "b"] * 20})

    assert caught.value.problems[0].code == "unknown-target"
    assert caught.value.problems[0].suggestion == "Did you mean 'yy'? The columns are: 'x', 'yy'."


def test_rows_without_target_can_be_left_out():
    pipeline = fit({"x": X, "y": ["a", "b"] * 19 + [None, None]}, split(drop_missing_target=True))

    assert pipeline.evaluate().rows == 8


@pytest.mark.parametrize("rows", [0, 1])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(DataError) as caught:
        fit({"x": X[:rows], "y": ["a", "b", "a"][:rows]})

    assert caught.value.reason == "too-few-rows"


def test_a_class_in_the_test_rows_only_is_refused():
    labels = ["a", "b"] * 20
    rows = Pipeline.from_config(CONFIG)
    held = [i for i in range(40) if i not in _train(rows, labels)]
    labels[held[0]] = "only here"

    with pytest.raises(DataError, match="'only here'") as caught:
        fit({"x": X, "y": labels})

    assert caught.value.reason == "unseen-class"


def _train(pipeline, labels):
    from skyulf_core.nodes.splitting.train_test_split import TrainTestSplitConfig, TrainTestSplitter

    config = TrainTestSplitConfig(target="y", random_state=0)
    return set(TrainTestSplitter().split(pl.DataFrame({"y": labels}), config, task=None).train.tolist())


def test_duplicate_and_nameless_columns_are_refused():
    double = pd.DataFrame([[1, 2, "a"]] * 10, columns=["x", "x", "y"])
    nameless = pd.DataFrame([[1, "a"]] * 10, columns=["", "y"])

    for frame, reason in ((double, "duplicate-columns"), (nameless, "invalid-column-name")):
        with pytest.raises(DataError) as caught:
            fit(frame)
        assert caught.value.reason == reason


def test_mixed_types_are_refused_by_name():
    with pytest.raises(DataError, match="'x'") as caught:
        fit(pd.DataFrame({"x": [1, "two", 3.0, b"4"] * 10, "y": ["a", "b"] * 20}))

    assert caught.value.reason == "mixed-types"


@pytest.mark.parametrize("value", [[1, 2], "text", None])
def test_something_else_than_a_frame_is_refused(value):
    with pytest.raises(DataError) as caught:
        Pipeline.from_config(CONFIG).fit(value)

    assert caught.value.reason == "not-a-frame"


def test_infinite_values_are_refused_by_name():
    with pytest.raises(DataError, match="'x'") as caught:
        fit({"x": [*X[:-1], float("inf")], "y": ["a", "b"] * 20}, {**CONFIG, "steps": [SPLIT]})

    assert caught.value.reason == "not-finite"


def test_a_column_without_values_is_refused_by_node_and_name():
    with pytest.raises(DataError, match=r"^SimpleImputer: column 'empty'") as caught:
        fit({"x": X, "empty": pl.Series([None] * 40, dtype=pl.Float64), "y": ["a", "b"] * 20})

    assert (caught.value.reason, caught.value.node) == ("all-null-column", "SimpleImputer")


def test_infinite_values_that_leave_nothing_to_fill_in_are_named():
    data = pl.DataFrame({"x": [1.0, float("inf"), None] * 10, "y": [0, 1, 1] * 10})
    steps = [{"node": "TrainTestSplit", "config": {"target": "y"}}, {"node": "SimpleImputer"}]
    pipeline = Pipeline.from_config({"steps": steps, "model": {"node": "logistic_regression"}})

    with pytest.raises(DataError, match="'x' holds infinite values") as caught:
        pipeline.fit(data)

    assert (caught.value.reason, caught.value.node) == ("not-finite", "SimpleImputer")


def test_new_rows_are_checked():
    pipeline = fit({"x": X, "n": range(40), "y": ["a", "b"] * 20})

    with pytest.raises(DataError, match="missing columns: 'n'"):
        pipeline.predict(pl.DataFrame({"x": [1.0]}))
    with pytest.raises(DataError, match="holds string values, the pipeline was trained with float"):
        pipeline.predict(pl.DataFrame({"x": ["one"], "n": [1]}))
    with pytest.raises(DataError, match="holds float values, the pipeline was trained with integer"):
        pipeline.predict(pl.DataFrame({"x": [1.0], "n": [1.5]}))
    assert len(pipeline.predict(pl.DataFrame({"x": [1, None], "n": [1.0, 2.0]}))) == 2


def test_missing_values_that_appear_at_predict_are_refused_by_name():
    pipeline = fit({"x": X, "y": ["a", "b"] * 20}, {**CONFIG, "steps": [SPLIT]})

    with pytest.raises(DataError, match="column 'x' is missing in 1 rows"):
        pipeline.predict(pl.DataFrame({"x": [1.0, None]}))


def test_a_failed_fit_leaves_the_pipeline_as_it_was():
    pipeline = fit({"x": X, "y": ["a", "b"] * 20})
    before = pipeline.fitted

    with pytest.raises(DataError):
        pipeline.fit(pl.DataFrame({"x": X, "y": ["a"] * 40}))

    assert pipeline.fitted is before


def test_nothing_works_before_fit():
    pipeline = Pipeline.from_config(CONFIG)

    for call in (pipeline.predict, pipeline.predict_proba, pipeline.transform):
        with pytest.raises(NotFittedError):
            call(pl.DataFrame({"x": [1.0]}))
    with pytest.raises(NotFittedError):
        pipeline.evaluate()
    with pytest.raises(NotFittedError):
        pipeline.serving_plan()


def test_row_changing_nodes_touch_training_rows_only():
    data = pl.DataFrame({"x": [None if i % 5 == 0 else float(i) for i in range(100)], "y": ["a", "b"] * 50})
    config = {
        "steps": [SPLIT, {"node": "DropMissingRows"}, {"node": "SimpleImputer"}],
        "model": {"node": "logistic_regression"},
    }

    pipeline = fit(data, config)

    assert pipeline.evaluate().rows == 20
    assert len(pipeline.predict(data)) == 100
    means = pipeline.fitted.steps[2].params["values"]
    train = _train(pipeline, ["a", "b"] * 50)
    assert means == [pytest.approx(np.mean([i for i in train if i % 5]))]


def test_test_rows_teach_nothing_even_when_altered_wildly():
    frame = pl.from_pandas(load_penguins())
    config = {
        "steps": [
            {"node": "TrainTestSplit", "config": {"target": "species", "random_state": 5}},
            {"node": "SimpleImputer", "config": {"strategy": "median"}},
            {"node": "Winsorize"},
            {"node": "SimpleImputer", "config": {"strategy": "most_frequent"}},
            {"node": "FrequencyEncoder", "config": {"columns": ["island"]}},
            {"node": "OneHotEncoder"},
            {"node": "StandardScaler"},
        ],
        "model": {"node": "logistic_regression", "config": {"max_iter": 500}},
    }
    plain = Pipeline.from_config(config).fit(frame)
    from skyulf_core.nodes.splitting.train_test_split import TrainTestSplitConfig, TrainTestSplitter

    split_config = TrainTestSplitConfig(target="species", random_state=5)
    train = TrainTestSplitter().split(frame, split_config, task=None).train.tolist()
    kept = pl.int_range(frame.height, eager=True).is_in(train)
    wild = frame.with_columns(
        pl.when(kept).then(pl.col(name)).otherwise(pl.lit("wild") if dtype == pl.String else pl.lit(-9e6)).alias(name)
        for name, dtype in frame.drop("species").with_columns(pl.col("year").cast(pl.Float64)).schema.items()
    )

    altered = Pipeline.from_config(config).fit(wild)

    for one, other in zip(plain.fitted.steps, altered.fitted.steps, strict=True):
        require_same_params(other.params, one.params, one.node)
    np.testing.assert_array_equal(
        plain.fitted.model.params.array("coefficients"), altered.fitted.model.params.array("coefficients")
    )
    assert plain.evaluate().metrics != altered.evaluate().metrics


def test_schema_knows_every_kind_of_column():
    frame = pl.DataFrame(
        {
            "i": [1, 2], "f": [1.0, float("nan")], "b": [True, None], "s": ["a", "b"],
            "c": pl.Series(["a", "b"], dtype=pl.Categorical), "d": [datetime.date(2024, 1, 1)] * 2,
            "t": [datetime.datetime(2024, 1, 1)] * 2, "z": [datetime.timedelta(1)] * 2, "h": [datetime.time(1)] * 2,
            "l": [[1], [2]],
        }
    )  # fmt: skip

    schema = Schema.from_frame(frame)

    assert [column.dtype for column in schema] == [
        "integer", "float", "boolean", "string", "category", "date", "datetime", "duration", "time", "other",
    ]  # fmt: skip
    assert [column.nullable for column in schema][:4] == [False, True, True, False]
    assert Schema.from_dicts(schema.to_dicts()) == schema


def test_zoned_datetimes_are_brought_to_utc_in_both_libraries():
    moments = pl.DataFrame(
        {"at": pl.Series(["2024-01-01T23:30:00-05:00", "2024-07-01T00:30:00+02:00"]).str.to_datetime(time_zone="UTC")}
    ).with_columns(pl.col("at").dt.convert_time_zone("America/New_York"))
    config = {"steps": [{"node": "DateParts", "config": {"parts": ["day", "hour"]}}]}

    for frame in (moments, moments.to_pandas()):
        found = Pipeline.from_config(config).fit(frame).transform(frame)
        assert found["at_day"].to_list() == [2, 30]
        assert found["at_hour"].to_list() == [4, 22]
