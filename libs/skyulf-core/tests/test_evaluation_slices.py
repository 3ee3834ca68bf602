"""Slices, the worst of them, and gaps between groups."""

import json

import numpy as np
import pytest
from skyulf_core.evaluation.fairness import Fairness, fairness
from skyulf_core.evaluation.metrics import score
from skyulf_core.evaluation.rows import rows_of
from skyulf_core.evaluation.segments import segments_of
from skyulf_core.evaluation.slices import Slice, slices_by, worst_slices
from skyulf_core.problems import DataError

ROWS = 2_000


def classified(rng, wrong):
    truth = rng.integers(0, 2, ROWS)
    predicted = np.where(rng.random(ROWS) < wrong, 1 - truth, truth)
    return rows_of(truth, predicted, classes=("no", "yes"))


def columns_of(rng):
    return {
        "plan": rng.choice(["a", "b", "c"], ROWS),
        "region": np.where(rng.random(ROWS) < 0.05, None, rng.choice(["n", "s"], ROWS).astype(object)),
        "age": rng.normal(40, 10, ROWS),
        "city": rng.choice([f"city {i}" for i in range(40)], ROWS),
    }


def test_a_metric_by_segment_equals_the_metric_of_its_rows():
    rng = np.random.default_rng(0)
    columns, rows = columns_of(rng), classified(rng, 0.2)

    found = slices_by("plan", columns["plan"], "accuracy", rows, samples=100)

    assert [one.where[0][1] for one in found] == ["a", "b", "c"]
    for one in found:
        kept = columns["plan"] == one.where[0][1]
        assert one.interval.estimate == score("accuracy", rows.truth[kept], rows.predicted[kept], None, "ab")
        assert one.interval.low < one.interval.estimate < one.interval.high
    assert sum(one.rows for one in found) == ROWS


def test_the_worst_slice_is_found_where_it_was_hidden():
    rng = np.random.default_rng(1)
    columns = columns_of(rng)
    bad = (columns["plan"] == "b") & (columns["region"] == "s")

    found = worst_slices(columns, "accuracy", classified(rng, np.where(bad, 0.6, 0.1)))

    assert dict(found[0].where) == {"plan": "b", "region": "s"}
    assert found[0].significant
    assert found[0].difference < -0.2
    assert Slice.from_dict(json.loads(json.dumps(found[0].to_dict()))) == found[0]


def test_errors_are_worst_where_they_are_largest():
    rng = np.random.default_rng(2)
    columns, truth = columns_of(rng), rng.normal(size=ROWS)
    old = columns["age"] >= np.quantile(columns["age"], 0.75)

    found = worst_slices(columns, "rmse", rows_of(truth, truth + rng.normal(size=ROWS) * np.where(old, 3, 1)))

    assert found[0].where[0][0] == "age"
    assert found[0].where[0][1].startswith(">= ")
    assert found[0].difference > 0.5


def test_on_noise_no_slice_is_significant_beyond_the_level():
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        found = worst_slices(columns_of(rng), "accuracy", classified(rng, 0.2), samples=100, random_state=seed)
        alarms += any(one.significant for one in found)

    assert alarms <= 6  # 2 are expected of 40 at 95 %


def test_slices_have_at_least_so_many_rows():
    rng = np.random.default_rng(3)

    found = worst_slices(columns_of(rng), "accuracy", classified(rng, 0.3), least_rows=300, most=20)

    assert found
    assert min(one.rows for one in found) >= 300


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (np.array([True, False, True]), ("false", "true")),
        (np.array([1, 2, 2]), ("1", "2")),
        (np.arange(100.0), ("< 25", "25 to 50", "50 to 75", ">= 75")),
        (np.r_[np.zeros(90), np.arange(1.0, 21.0)], ("< 1", ">= 1")),
        (np.array([1.0, np.nan]), ("1.0", "missing")),
        (np.array([None, None], object), ("missing",)),
        (np.array([f"v{i:02d}" for i in range(30)] + ["v05"] * 3), (*(f"v0{i}" for i in range(9)), "other")),
    ],
)
def test_segments_of_columns(values, labels):
    found = segments_of(values)

    assert found.labels == labels
    assert len(found.codes) == len(values)
    assert found.codes.min() >= 0


def test_a_column_of_another_length_is_refused():
    with pytest.raises(DataError, match="2 values for 2000 rows"):
        slices_by("a", np.array([1, 2]), "accuracy", classified(np.random.default_rng(0), 0.1))


def test_rates_of_groups_and_their_gaps():
    rng = np.random.default_rng(4)
    group = rng.choice(["f", "m"], ROWS)
    truth = rng.integers(0, 2, ROWS)
    predicted = np.where(rng.random(ROWS) < np.where(group == "f", 0.3, 0.1), 0, truth)
    rows = rows_of(truth, predicted, classes=("no", "yes"))

    found = fairness("sex", group, rows)

    of_f = group == "f"
    assert found.groups["f"]["selection_rate"] == pytest.approx(predicted[of_f].mean())
    assert found.groups["f"]["tpr"] == pytest.approx(predicted[of_f & (truth == 1)].mean())
    assert found.groups["m"]["fpr"] == 0.0
    gap = found.gap("tpr")
    assert (gap.highest, gap.lowest) == ("m", "f")
    assert gap.difference.low < 0.2 < gap.difference.high
    assert gap.difference.low > 0
    assert found.equalized_odds == gap.difference.estimate
    assert Fairness.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_small_groups_make_no_gaps():
    rng = np.random.default_rng(5)
    group = np.where(np.arange(ROWS) < 5, "rare", "common")

    found = fairness("kind", group, classified(rng, 0.2))

    assert found.groups["rare"]["rows"] == 5
    assert found.gaps == ()


def test_groups_of_a_regression():
    rng = np.random.default_rng(6)
    group, truth = rng.choice(["a", "b"], ROWS), rng.normal(size=ROWS)

    found = fairness("g", group, rows_of(truth, truth + np.where(group == "a", 1.0, 0.0)))

    assert found.gap("mean_error").difference.estimate == pytest.approx(1.0)


def test_a_positive_class_that_there_is_not():
    with pytest.raises(DataError, match="'ja' is none of the classes"):
        fairness("g", np.zeros(ROWS), classified(np.random.default_rng(0), 0.1), positive="ja")
