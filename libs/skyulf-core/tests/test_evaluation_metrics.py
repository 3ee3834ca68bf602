"""Evaluations against scikit-learn's metrics, and where metrics are undefined."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk
from skyulf_core.evaluation import Evaluation, evaluate_classification, evaluate_regression
from skyulf_core.evaluation.metrics import reported_metrics
from skyulf_core.problems import DataError

RNG = np.random.default_rng(0)


def classified(classes, rows=500):
    target = RNG.integers(0, classes, rows)
    scores = RNG.random((rows, classes)) + np.eye(classes)[target] * 0.6
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    return target, probabilities.argmax(axis=1), probabilities


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_classification_metrics_equal_scikit_learn(classes):
    target, predicted, probabilities = classified(classes)

    found = evaluate_classification(target, predicted, probabilities, classes=range(classes)).metrics

    positive = {"y_score": probabilities[:, 1]} if classes == 2 else {"y_score": probabilities, "multi_class": "ovr"}
    truth = np.eye(classes)[target]
    expected = {
        "accuracy": sk.accuracy_score(target, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(target, predicted),
        "mcc": sk.matthews_corrcoef(target, predicted),
        "log_loss": sk.log_loss(target, probabilities),
        "roc_auc": sk.roc_auc_score(target, **positive),
        "pr_auc": sk.average_precision_score(
            target if classes == 2 else truth, probabilities[:, 1] if classes == 2 else probabilities
        ),
        "brier": ((truth - probabilities) ** 2).sum(axis=1).mean() / (2 if classes == 2 else 1),
        "precision_weighted": sk.precision_score(target, predicted, average="weighted"),
        "recall_macro": sk.recall_score(target, predicted, average="macro"),
        "f1_weighted": sk.f1_score(target, predicted, average="weighted"),
        "f1_macro": sk.f1_score(target, predicted, average="macro"),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    assert set(found) == set(reported_metrics("classification"))


def test_details_of_a_classification():
    target, predicted, probabilities = classified(3)

    details = evaluate_classification(target, predicted, probabilities, classes=("a", "b", "c")).details

    assert details["confusion_matrix"] == sk.confusion_matrix(target, predicted).tolist()
    assert [row["label"] for row in details["classes"]] == ["a", "b", "c"]
    assert sum(row["support"] for row in details["classes"]) == len(target)
    assert len(details["roc_curves"]) == 3


def test_curves_are_thinned_and_keep_their_ends():
    target, predicted, probabilities = classified(2, rows=5_000)

    details = evaluate_classification(target, predicted, probabilities, classes=(False, True)).details

    (roc,) = details["roc_curves"]
    assert len(roc["fpr"]) == len(roc["tpr"]) == 200
    assert (roc["fpr"][0], roc["tpr"][0], roc["fpr"][-1], roc["tpr"][-1]) == (0.0, 0.0, 1.0, 1.0)
    assert len(details["pr_curves"][0]["precision"]) <= 200


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_undefined_is_left_out(classes):
    probabilities = np.full((4, classes), 1 / classes)

    found = evaluate_classification(np.zeros(4, int), np.zeros(4, int), probabilities, classes=range(classes))

    assert "roc_auc" not in found.metrics
    assert found.metrics["accuracy"] == 1.0
    assert found.details["roc_curves"] == []
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_class_that_does_not_occur_does_not_count():
    target, predicted, probabilities = classified(3)
    kept = target != 2

    found = evaluate_classification(target[kept], predicted[kept], probabilities[kept], classes=("a", "b", "c"))

    assert found.details["classes"][2]["support"] == 0
    assert 0.5 < found.metrics["roc_auc"] <= 1.0


def test_regression_metrics_equal_scikit_learn():
    truth = RNG.normal(10, 2, 300)
    guess = truth + RNG.normal(0, 1, 300)

    found = evaluate_regression(truth, guess)

    assert found.metrics == pytest.approx(
        {
            "mae": sk.mean_absolute_error(truth, guess),
            "mse": sk.mean_squared_error(truth, guess),
            "rmse": sk.root_mean_squared_error(truth, guess),
            "r2": sk.r2_score(truth, guess),
            "mape": sk.mean_absolute_percentage_error(truth, guess),
            "median_ae": sk.median_absolute_error(truth, guess),
            "explained_variance": sk.explained_variance_score(truth, guess),
        }
    )
    residuals = found.details["residuals"]
    assert sum(residuals["histogram"]["counts"]) == 300
    assert residuals["quantiles"]["0.5"] == pytest.approx(np.median(truth - guess))


def test_a_percentage_error_needs_values_that_are_not_zero():
    assert "mape" not in evaluate_regression(np.array([0.0, 1.0]), np.array([0.5, 1.0])).metrics


def test_one_row_of_a_regression():
    found = evaluate_regression(np.array([3.0]), np.array([2.0]))

    assert "r2" not in found.metrics
    assert found.metrics["mae"] == 1.0
    json.dumps(found.to_dict(), allow_nan=False)


def test_no_rows_are_an_error():
    with pytest.raises(DataError, match="no rows"):
        evaluate_regression(np.array([]), np.array([]))
    with pytest.raises(DataError, match="no rows"):
        evaluate_classification(np.array([]), np.array([]), None, classes=(0, 1))


def test_an_evaluation_survives_json():
    target, predicted, probabilities = classified(3)
    found = evaluate_classification(target, predicted, probabilities, classes=("a", "b", "c"))

    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
