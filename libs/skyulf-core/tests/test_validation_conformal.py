"""Conformal intervals and sets cover as they promise, on real data and whatever the model is like."""

import json

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeRegressor
from skyulf_core.problems import DataError
from skyulf_core.serving.conformal import Conformal
from skyulf_core.validation.conformal import conformal_quantile, covered, fit_intervals, fit_sets

POINT = 0.01


def test_the_quantile_is_that_of_finite_samples():
    assert conformal_quantile(np.arange(1.0, 100.0), 0.9) == 90.0  # the 90th of 99
    assert conformal_quantile(np.arange(1.0, 10.0), 0.9) == 9.0
    with pytest.raises(DataError, match="at least 9 rows"):
        conformal_quantile(np.arange(8.0), 0.9)


@pytest.mark.parametrize("method", ["absolute", "signed", "binned"])
@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_intervals_of_real_data_cover_as_promised(method, coverage):
    x, y = load_diabetes(return_X_y=True)
    found = []
    for seed in range(150):
        train, calibration, test = np.split(np.random.default_rng(seed).permutation(len(y)), [150, 340])
        model = Ridge(0.1).fit(x[train], y[train])
        conformal = fit_intervals(y[calibration], model.predict(x[calibration]), coverage=coverage, method=method)
        found.append(covered(conformal, y[test], model.predict(x[test])).mean())

    # bins of few rows promise each a little more: of 38 rows each the ceiling is up to 2.5 points above
    over = 2.5 * POINT if method == "binned" else POINT
    assert -POINT <= np.mean(found) - coverage <= over


@pytest.mark.parametrize("method", ["absolute", "signed"])
def test_intervals_from_out_of_fold_predictions_cover_nearly_as_promised(method):
    x, y = load_diabetes(return_X_y=True)
    found = []
    for seed in range(60):
        train, test = np.split(np.random.default_rng(seed).permutation(len(y)), [300])
        model = DecisionTreeRegressor(min_samples_leaf=20)
        oof = cross_val_predict(model, x[train], y[train], cv=KFold(10))
        conformal = fit_intervals(y[train], oof, coverage=0.9, method=method, guaranteed=False)
        model.fit(x[train], y[train])
        found.append(covered(conformal, y[test], model.predict(x[test])).mean())

    assert np.mean(found) == pytest.approx(0.9, abs=1.5 * POINT)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_digits])
@pytest.mark.parametrize("method", ["lac", "aps"])
def test_sets_of_real_data_cover_as_promised(load, method):
    # few features: a model that is right more often than the coverage asks has sets of one class that cover more
    x, y = load(return_X_y=True)
    x, classes, found = x[:, [1, 2, 10]], range(y.max() + 1), []
    for seed in range(100):
        order = np.random.default_rng(seed).permutation(len(y))[:900]
        train, calibration, test = np.split(order, [len(order) // 3, 2 * len(order) // 3])
        model = LinearDiscriminantAnalysis().fit(x[train], y[train])
        probabilities = model.predict_proba(x[calibration])
        conformal = fit_sets(y[calibration], probabilities, classes=classes, coverage=0.95, method=method)
        found.append(covered(conformal, y[test], model.predict_proba(x[test])).mean())

    assert np.mean(found) == pytest.approx(0.95, abs=POINT)


def test_intervals_grow_with_errors_where_they_are_binned():
    rng = np.random.default_rng(0)
    guess = rng.uniform(1, 10, 4_000)
    truth = guess + rng.normal(0, 0.2 * guess)

    found = fit_intervals(truth[:2_000], guess[:2_000], method="binned")

    assert list(found.above) == sorted(found.above)
    small = guess[2_000:] < found.edges[0]
    assert covered(found, truth[2_000:][small], guess[2_000:][small]).mean() == pytest.approx(0.9, abs=0.03)


def test_signed_intervals_follow_errors_that_lean_to_one_side():
    rng = np.random.default_rng(1)
    guess = rng.normal(size=2_000)

    found = fit_intervals(guess + rng.exponential(size=2_000), guess, method="signed")

    assert found.below[0] < 0 < found.above[0]
    low, high = found.interval(1.0)
    assert 1.0 < low < high


def test_a_set_may_be_empty_with_lac_and_never_is_with_aps():
    lac = Conformal("lac", 0.9, (), (0.4,))
    aps = Conformal("aps", 0.9, (), (0.4,))

    assert lac.codes([0.5, 0.5]) == []
    assert aps.codes([0.5, 0.5]) == [0]
    assert aps.codes([0.3, 0.5, 0.2]) == [1]
    assert aps.codes([0.35, 0.4, 0.25]) == [0, 1]
    assert lac.codes([0.7, 0.3]) == [0]


@pytest.mark.parametrize("method", ["absolute", "binned"])
def test_intervals_survive_json(method):
    rng = np.random.default_rng(2)
    found = fit_intervals(rng.normal(size=500), rng.normal(size=500), method=method)

    assert Conformal.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


@pytest.mark.parametrize(
    ("fit", "says"),
    [
        (lambda: fit_intervals(np.zeros(5), np.zeros(5)), "at least 9 rows"),
        (lambda: fit_intervals(np.zeros(5), np.zeros(5), coverage=1.0), "between 0 and 1"),
        (lambda: fit_intervals(np.full(50, np.nan), np.zeros(50)), "missing or infinite"),
        (lambda: fit_sets(np.zeros(5, int), np.full((5, 2), 0.5), classes="ab"), "at least 9 rows"),
    ],
)
def test_what_cannot_be_covered_is_refused(fit, says):
    with pytest.raises(DataError, match=says):
        fit()


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_equal_weights_change_nothing_however_large(coverage):
    scores = np.random.default_rng(0).random(200)

    for weight in (1e-200, 0.3, 1.0, 7.0, 1e140):
        assert conformal_quantile(scores, coverage, np.full(200, weight)) == conformal_quantile(scores, coverage)


def test_rows_without_a_weight_are_left_out_of_account():
    scores, weights = np.arange(1.0, 101.0), np.r_[np.ones(50), np.zeros(50)]

    assert conformal_quantile(scores, 0.8, weights) == conformal_quantile(scores[:50], 0.8)
    with pytest.raises(DataError, match=r"needs at least 99 rows .* not as much as 50 by their weights; take more"):
        conformal_quantile(scores, 0.99, weights)


def test_weighted_intervals_and_sets_cover_rows_as_they_weigh():
    kept, wide = [], []
    for seed in range(40):
        draw = np.random.default_rng(seed)
        hard = draw.random(1_200) < 0.2  # few rows have large errors, and weigh the most
        truth, weights = draw.normal(size=1_200) * np.where(hard, 4.0, 1.0), np.where(hard, 8.0, 1.0)
        learn, new = slice(0, 600), slice(600, None)
        guess = np.zeros(1_200)
        found = fit_intervals(truth[learn], guess[learn], coverage=0.9, weights=weights[learn])
        plain = fit_intervals(truth[learn], guess[learn], coverage=0.9)
        kept.append(np.average(covered(found, truth[new], guess[new]), weights=weights[new]))
        wide.append(np.average(covered(plain, truth[new], guess[new]), weights=weights[new]))

    assert abs(np.mean(kept) - 0.9) < 0.01
    assert np.mean(wide) < 0.8  # what it would be without the weights
