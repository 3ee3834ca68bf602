"""Intervals cover as they promise, comparisons tell chance from difference."""

import json
import time

import numpy as np
import pytest
from skyulf_core.evaluation.comparison import Comparison, compare
from skyulf_core.evaluation.intervals import Interval, bootstrap_intervals
from skyulf_core.evaluation.metrics import score
from skyulf_core.evaluation.rows import rows_of
from skyulf_core.problems import DataError

RUNS = 300


def scored(rng, rows, *, skill=1.0):
    truth = rng.integers(0, 2, rows)
    probability = 1 / (1 + np.exp(-rng.normal(skill * (truth - 0.5), 1.0)))
    return truth, np.column_stack([1 - probability, probability])


def classified(rng, rows, **options):
    truth, probabilities = scored(rng, rows, **options)
    return rows_of(truth, probabilities.argmax(axis=1), probabilities, classes=("no", "yes"))


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_intervals_hold_the_true_value_as_often_as_promised(method):
    rng = np.random.default_rng(1)
    names = ["accuracy", "roc_auc", "log_loss"]
    large = classified(rng, 400_000)
    true = {name: score(name, large.truth, large.predicted, large.probabilities, large.labels) for name in names}

    held = dict.fromkeys(names, 0)
    for seed in range(RUNS):
        rows = classified(rng, 250)
        found = bootstrap_intervals(names, rows, level=0.9, samples=300, method=method, random_state=seed)
        for name in names:
            held[name] += found[name].low <= true[name] <= found[name].high

    # three standard errors of 300 runs about 0.9
    assert all(0.848 <= count / RUNS <= 0.952 for count in held.values()), held


@pytest.mark.parametrize(("count", "right"), [(40, 0.97), (69, 0.985), (100, 0.95), (500, 0.995)])
def test_intervals_of_few_mistakes_hold_the_true_value_and_have_a_width(count, right):
    rng = np.random.default_rng(3)

    held = 0
    for seed in range(RUNS):
        truth = np.arange(count) % 2
        said = np.where(rng.random(count) < right, truth, 1 - truth)
        rows = rows_of(truth, said, classes=("no", "yes"))
        found = bootstrap_intervals(["accuracy"], rows, samples=200, random_state=seed)["accuracy"]
        assert found.low < found.high
        held += found.low <= right <= found.high

    assert held / RUNS >= 0.92, held


def test_a_perfect_order_of_few_rows_is_not_said_to_be_certain():
    truth = np.arange(24) % 2
    probabilities = np.column_stack([1.0 - truth, truth.astype(float)])

    found = bootstrap_intervals(["roc_auc", "recall@yes"], rows_of(truth, truth, probabilities, classes=("no", "yes")))

    assert found["roc_auc"].high == 1.0
    # of 12 rows a quarter may be wrong without one of them having been seen
    assert 0.7 < found["roc_auc"].low < 0.75
    assert 0.7 < found["recall@yes"].low < 0.75


def test_a_handful_of_positives_has_no_interval_of_what_rests_on_them():
    rng = np.random.default_rng(4)
    truth, probabilities = scored(rng, 300)
    truth = np.where(np.cumsum(truth) > 9, 0, truth)
    names = ["accuracy", "roc_auc", "balanced_accuracy", "f1_weighted", "recall@yes", "recall@no"]

    found = bootstrap_intervals(
        names, rows_of(truth, probabilities.argmax(axis=1), probabilities, classes=("no", "yes"))
    )

    assert set(found) == {"accuracy", "f1_weighted", "recall@no"}


def test_intervals_of_regressions_hold_the_true_value():
    rng = np.random.default_rng(2)

    held = {"mae": 0, "rmse": 0}
    true = {"mae": np.sqrt(2 / np.pi), "rmse": 1.0}
    for seed in range(RUNS):
        truth = rng.normal(size=250)
        rows = rows_of(truth, truth + rng.normal(size=250))
        found = bootstrap_intervals(list(true), rows, level=0.9, samples=300, random_state=seed)
        for name in true:
            held[name] += found[name].low <= true[name] <= found[name].high

    assert all(0.848 <= count / RUNS <= 0.952 for count in held.values()), held


def test_many_rows_are_sampled_from_some_and_cover_alike():
    rng = np.random.default_rng(3)
    rows = classified(rng, 200_000)
    started = time.perf_counter()

    found = bootstrap_intervals(["accuracy"], rows, samples=200)["accuracy"]

    share = found.estimate
    expected = 1.96 * np.sqrt(share * (1 - share) / 200_000)
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.2)
    assert time.perf_counter() - started < 20


def test_the_same_seed_gives_the_same_intervals_whatever_is_asked_with_them():
    rows = classified(np.random.default_rng(4), 300)

    alone = bootstrap_intervals(["roc_auc"], rows, random_state=3)
    beside = bootstrap_intervals(["accuracy", "roc_auc"], rows, random_state=3)

    assert alone["roc_auc"] == beside["roc_auc"]
    assert alone != bootstrap_intervals(["roc_auc"], rows, random_state=4)


def test_a_metric_that_is_undefined_has_no_interval():
    rows = rows_of(np.zeros(50, int), np.zeros(50, int), np.full((50, 2), 0.5), classes="ab")

    assert list(bootstrap_intervals(["accuracy", "roc_auc"], rows, samples=50)) == ["accuracy"]


@pytest.mark.parametrize(("options", "says"), [({"level": 1.5}, "between 0 and 1"), ({"samples": 3}, "20 to 100,000")])
def test_levels_and_samples_that_make_no_sense(options, says):
    rows = classified(np.random.default_rng(0), 50)

    with pytest.raises(DataError, match=says):
        bootstrap_intervals(["accuracy"], rows, **options)


def test_an_interval_survives_json():
    interval = Interval(0.5, 0.4, 0.6, 0.95, "bca", 990)

    assert Interval.from_dict(json.loads(json.dumps(interval.to_dict()))) == interval


def test_a_paired_comparison_tells_models_apart_that_single_intervals_do_not():
    rng = np.random.default_rng(5)
    truth = rng.normal(0, 1, 400)
    hard = rng.normal(0, 1, 400)
    first, second = rows_of(truth, truth + hard * 1.06), rows_of(truth, truth + hard + rng.normal(0, 0.05, 400))

    found = compare(["mae"], first, second, titles=("ridge", "boosting"))["mae"]

    single = bootstrap_intervals(["mae"], first)["mae"]
    assert single.low < found.second < single.high
    assert found.significant
    assert found.sentence.startswith("Boosting is better than ridge by mae")
    assert Comparison.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_models_that_are_alike_are_told_apart_no_more_often_than_the_level_says():
    rng, told = np.random.default_rng(6), 0
    for seed in range(RUNS):
        truth = rng.normal(size=150)
        first, second = (rows_of(truth, truth + rng.normal(size=150)) for _ in range(2))
        told += compare(["rmse"], first, second, samples=200, random_state=seed)["rmse"].significant

    assert told / RUNS <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / RUNS) + 0.01


def test_the_same_model_twice_is_no_difference():
    rows = classified(np.random.default_rng(7), 100)

    found = compare(["accuracy"], rows, rows)["accuracy"]

    assert (found.difference.estimate, found.p_value, found.significant) == (0.0, 1.0, False)
    assert "no difference" in found.sentence


def test_other_rows_are_refused():
    rng = np.random.default_rng(8)

    with pytest.raises(DataError, match="not judged on the same rows"):
        compare(["accuracy"], classified(rng, 100), classified(rng, 100))
