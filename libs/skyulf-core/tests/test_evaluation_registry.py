"""Every metric of the registry against scikit-learn, with weights and without, and what it refuses."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk
from skyulf_core.evaluation import METRICS, evaluate_classification, evaluate_regression, score, scores
from skyulf_core.evaluation.metrics import DEFAULT_METRICS, better, metric_function, metric_problem
from skyulf_core.evaluation.rows import Rows, rows_of
from skyulf_core.problems import DataError

RNG = np.random.default_rng(7)
ROWS = 400


def classified(classes, *, ties=True):
    target = np.r_[np.arange(classes), RNG.integers(0, classes, ROWS - classes)]
    values = RNG.random((ROWS, classes)) + np.eye(classes)[target] * 0.6
    values = np.round(values, 1) + 0.05 if ties else values
    probabilities = values / values.sum(axis=1, keepdims=True)
    return target, probabilities.argmax(axis=1), probabilities


def some_weights():
    return np.where(RNG.random(ROWS) < 0.1, 0.0, RNG.gamma(2.0, 3.0, ROWS))


def expected_of_labels(target, predicted, weights):
    found = {
        "accuracy": sk.accuracy_score(target, predicted, sample_weight=weights),
        "balanced_accuracy": sk.balanced_accuracy_score(target, predicted, sample_weight=weights),
        "mcc": sk.matthews_corrcoef(target, predicted, sample_weight=weights),
    }
    kinds = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    for name, function in kinds.items():
        for average in ("weighted", "macro"):
            found[f"{name}_{average}"] = function(target, predicted, average=average, sample_weight=weights)
        for code, value in enumerate(function(target, predicted, average=None, sample_weight=weights)):
            found[f"{name}@c{code}"] = value
    if target.max() == 1:
        found |= {name: function(target, predicted, sample_weight=weights) for name, function in kinds.items()}
    return found


def expected_of_probabilities(target, probabilities, weights):
    classes, truth = probabilities.shape[1], np.eye(probabilities.shape[1])[target]
    auc = {"sample_weight": weights, "average": "macro"}
    found = {
        "log_loss": sk.log_loss(target, probabilities, sample_weight=weights),
        "roc_auc_ovr": sk.roc_auc_score(truth, probabilities, **auc),
    }
    if classes == 2:
        positive = probabilities[:, 1]
        return found | {
            "roc_auc": sk.roc_auc_score(target, positive, sample_weight=weights),
            "roc_auc_ovo": sk.roc_auc_score(target, positive, sample_weight=weights),
            "pr_auc": sk.average_precision_score(target, positive, sample_weight=weights),
            "brier": sk.brier_score_loss(target, positive, sample_weight=weights),
        }
    if weights is None:
        found["roc_auc_ovo"] = sk.roc_auc_score(target, probabilities, multi_class="ovo")
    return found | {
        "roc_auc": found["roc_auc_ovr"],
        "pr_auc": sk.average_precision_score(truth, probabilities, **auc),
        "brier": sk.brier_score_loss(target, probabilities, sample_weight=weights),
    }


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_metrics_of_classifiers_equal_scikit_learn(classes, weighted, ties):
    target, predicted, probabilities = classified(classes, ties=ties)
    weights = some_weights() if weighted else None
    expected = expected_of_labels(target, predicted, weights)
    expected |= expected_of_probabilities(target, probabilities, weights)

    labels = [f"c{code}" for code in range(classes)]
    found = scores(list(expected), target, predicted, probabilities, labels, weights)

    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=1e-12), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_metrics_of_regressions_equal_scikit_learn(weighted, shift):
    truth = RNG.normal(10, 2, ROWS) + shift
    guess = truth + RNG.normal(0.3, 1, ROWS)
    weights = some_weights() if weighted else None
    given = {"sample_weight": weights}
    expected = {
        "mae": sk.mean_absolute_error(truth, guess, **given),
        "mse": sk.mean_squared_error(truth, guess, **given),
        "rmse": sk.root_mean_squared_error(truth, guess, **given),
        "r2": sk.r2_score(truth, guess, **given),
        "mape": sk.mean_absolute_percentage_error(truth, guess, **given),
        "median_ae": sk.median_absolute_error(truth, guess, **given),
        "explained_variance": sk.explained_variance_score(truth, guess, **given),
        "pinball": sk.mean_pinball_loss(truth, guess, alpha=0.5, **given),
        "pinball@0.9": sk.mean_pinball_loss(truth, guess, alpha=0.9, **given),
    }

    found = scores(list(expected), truth, guess, weights=weights)

    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert {name.partition("@")[0] for name in expected} == {n for n, m in METRICS.items() if m.task == "regression"}


def test_a_weight_is_a_row_that_many_times():
    target, predicted, probabilities = classified(3)
    counts = RNG.integers(0, 4, ROWS)
    repeated = np.repeat(np.arange(ROWS), counts)
    names = [n for n, m in METRICS.items() if m.task == "classification" and m.classes is None]

    weighted = scores(names, target, predicted, probabilities, "abc", counts.astype(float))

    assert weighted == pytest.approx(
        scores(names, target[repeated], predicted[repeated], probabilities[repeated], "abc"), rel=1e-12
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_many_sets_of_weights_at_once_give_what_each_gives_alone(task):
    counts = RNG.multinomial(ROWS, np.full(ROWS, 1 / ROWS), 5).astype(float)
    if task == "classification":
        target, predicted, probabilities = classified(3)
        classes = ["a", "b", "c"]
        rows = Rows(target, predicted, counts, tuple(classes), probabilities)
    else:
        target = RNG.normal(5, 1, ROWS)
        predicted, probabilities, classes = target + RNG.normal(0, 1, ROWS), None, None
        rows = Rows(target, predicted, counts)
    names = [n for n, m in METRICS.items() if m.task == task and m.classes is None]

    for name in names:
        together = metric_function(name, classes)(rows)
        alone = [score(name, target, predicted, probabilities, classes, weights) for weights in counts]
        assert together == pytest.approx(alone, rel=1e-11, abs=1e-12), name


def test_an_area_for_rows_of_one_class_is_undefined():
    probabilities = np.full((4, 2), 0.5)

    assert math.isnan(score("roc_auc", np.zeros(4, int), np.zeros(4, int), probabilities, "ab"))
    assert math.isnan(score("pr_auc", np.zeros(4, int), np.zeros(4, int), probabilities, "ab"))


def test_a_constant_target_of_a_regression():
    truth = np.full(5, 0.1)

    assert score("r2", truth, truth) == sk.r2_score(truth, truth) == 1.0
    assert score("r2", truth, truth + 1) == sk.r2_score(truth, truth + 1) == 0.0


@pytest.mark.parametrize(
    ("name", "task", "says"),
    [
        ("acuracy", "classification", "Did you mean 'accuracy'"),
        ("rmse", "classification", "is one of a regression"),
        ("roc_auc", "regression", "is one of a classification"),
        ("pinball@2", "regression", "between 0 and 1"),
        ("mae@2", "regression", "takes nothing after an @"),
        ("recall@yess", "classification", "Did you mean 'yes'"),
        ("f1", "classification", "f1_macro"),
    ],
)
def test_a_metric_that_does_not_fit_says_what_would(name, task, says):
    problem = metric_problem(name, task, ["no", "yes", "maybe"] if task == "classification" else None)

    assert says in (problem or "")


def test_metrics_that_fit_have_no_problem():
    assert all(metric_problem(name, metric.task) is None for name, metric in METRICS.items())
    assert all(metric_problem(name, task) is None for task, name in DEFAULT_METRICS.items())


@pytest.mark.parametrize(
    ("weights", "says"),
    [([1, -1], "negative"), ([0, 0], "all weights are 0"), ([1, math.nan], "missing"), ([1], "1 weights")],
)
def test_weights_that_cannot_be(weights, says):
    with pytest.raises(DataError, match=says):
        score("mae", np.array([1.0, 2.0]), np.array([1.0, 2.0]), weights=np.array(weights, float))


def test_a_metric_of_probabilities_needs_them():
    with pytest.raises(DataError, match="gives no probabilities"):
        score("roc_auc", np.array([0, 1]), np.array([0, 1]), None, "ab")


def test_codes_beyond_the_classes_are_refused():
    with pytest.raises(DataError, match="class code"):
        rows_of(np.array([0, 2]), np.array([0, 1]), classes="ab")


def test_better_knows_the_direction_and_nan():
    assert better("roc_auc", 0.9, 0.8)
    assert better("log_loss", 0.1, 0.2)
    assert better("pinball@0.9", 0.1, 0.2)
    assert better("mae", 1.0, math.nan)
    assert not better("mae", math.nan, 1.0)


def test_weighted_evaluations_equal_the_rows_repeated():
    target, predicted, probabilities = classified(2)
    counts = RNG.integers(0, 4, ROWS)
    rows = np.repeat(np.arange(ROWS), counts)

    found = evaluate_classification(target, predicted, probabilities, classes="ab", weights=counts.astype(float))
    repeated = evaluate_classification(target[rows], predicted[rows], probabilities[rows], classes="ab")

    assert found.metrics == pytest.approx(repeated.metrics, rel=1e-12)
    assert found.details["confusion_matrix"] == repeated.details["confusion_matrix"]
    assert found.details["calibration_curves"][0]["observed"] == pytest.approx(
        repeated.details["calibration_curves"][0]["observed"]
    )


def test_weighted_residuals_equal_the_rows_repeated():
    truth, counts = RNG.normal(size=ROWS), RNG.integers(0, 4, ROWS)
    guess, rows = truth + RNG.normal(size=ROWS), np.repeat(np.arange(ROWS), counts)

    found = evaluate_regression(truth, guess, weights=counts.astype(float)).details["residuals"]
    repeated = evaluate_regression(truth[rows], guess[rows]).details["residuals"]

    assert (found["mean"], found["std"]) == pytest.approx((repeated["mean"], repeated["std"]))
