"""Curves of classifiers: against scikit-learn where it has them, else against what they mean."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve as reference_curve
from sklearn.metrics import average_precision_score, roc_auc_score
from skyulf_core.evaluation import evaluate_classification
from skyulf_core.evaluation.curves import calibration_curve, gain_curve, pr_curve, roc_curve

RNG = np.random.default_rng(11)


def scored(rows=2_000):
    chance = RNG.beta(1, 3, rows)
    return RNG.random(rows) < chance, chance, RNG.gamma(2.0, 1.0, rows)


def test_a_calibration_curve_equals_scikit_learn():
    positive, scores, _ = scored()

    found = calibration_curve(positive, scores, np.ones(len(scores)))

    observed, predicted = reference_curve(positive, scores, n_bins=10)
    assert found["observed"] == pytest.approx(observed.tolist())
    assert found["predicted"] == pytest.approx(predicted.tolist())
    assert sum(found["weight"]) == len(scores)
    assert found["error"] < 0.05


def test_the_calibration_error_is_that_of_probabilities_that_are_too_high():
    positive, scores, weights = scored()

    found = calibration_curve(positive, np.minimum(scores + 0.2, 1.0), weights)

    assert found["error"] == pytest.approx(0.2, abs=0.05)


def test_a_gain_curve_is_the_share_of_positives_among_the_highest_scores():
    positive, scores, _ = scored(150)

    found = gain_curve(positive, scores, np.ones(150))

    order = np.argsort(-scores)
    for share, gain, lift in zip(found["share"][1:], found["gain"][1:], found["lift"][1:], strict=True):
        highest = order[: round(share * 150)]
        assert gain == pytest.approx(positive[highest].sum() / positive.sum())
        assert lift == pytest.approx(positive[highest].mean() / positive.mean())
    assert (found["share"][0], found["gain"][0]) == (0.0, 0.0)
    assert (found["share"][-1], found["gain"][-1], found["lift"][-1]) == pytest.approx((1.0, 1.0, 1.0))


def test_weights_count_in_curves():
    positive, scores, weights = scored(300)

    assert roc_curve(positive, scores, weights)["auc"] == pytest.approx(
        roc_auc_score(positive, scores, sample_weight=weights)
    )
    assert pr_curve(positive, scores, weights)["average_precision"] == pytest.approx(
        average_precision_score(positive, scores, sample_weight=weights)
    )


def test_curves_are_thinned_and_named_by_class():
    truth = RNG.integers(0, 3, 1_000)
    probabilities = RNG.dirichlet(np.ones(3), 1_000)

    details = evaluate_classification(truth, probabilities.argmax(axis=1), probabilities, classes="abc").details

    assert sorted(curve["label"] for curve in details["gain_curves"]) == ["a", "b", "c"]
    assert all(len(curve["share"]) <= 200 for curve in details["gain_curves"])
    assert all(len(curve["observed"]) <= 10 for curve in details["calibration_curves"])
