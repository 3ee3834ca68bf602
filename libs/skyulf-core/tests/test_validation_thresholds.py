"""Thresholds: the best there is on the rows they are chosen on, honest on others."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skyulf_core.evaluation.metrics import score
from skyulf_core.problems import DataError
from skyulf_core.validation.thresholds import Threshold, threshold_by_cost, threshold_by_metric, threshold_by_target

RNG = np.random.default_rng(3)


def two_classes(rows=600, *, positive=0.2, skill=1.0):
    truth = (RNG.random(rows) < positive).astype(int)
    p = 1 / (1 + np.exp(-(RNG.normal(size=rows) + 2 * skill * truth - 1.5)))
    return truth, np.column_stack([1 - p, p])


def three_classes(rows=600):
    truth = RNG.choice(3, rows, p=[0.7, 0.2, 0.1])
    scores = RNG.gamma(1.0, 1.0, (rows, 3)) * [4, 1, 1] + np.eye(3)[truth] * 1.5
    return truth, scores / scores.sum(axis=1, keepdims=True)


def best_by_hand(truth, probabilities, metric, weights=None):
    places = np.r_[0.0, np.unique(probabilities[:, 1])]
    called = [(probabilities[:, 1] > place).astype(int) for place in places]
    return max(score(metric, truth, codes, None, "ab", weights) for codes in called)


@pytest.mark.parametrize("metric", ["f1", "balanced_accuracy", "mcc", "accuracy", "f1_macro", "f1_weighted"])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_other_threshold_of_two_classes_is_better(metric, weighted):
    truth, probabilities = two_classes()
    weights = RNG.gamma(2.0, 1.0, len(truth)) if weighted else None

    found = threshold_by_metric(metric, truth, probabilities, classes="ab", weights=weights)

    assert found.score == pytest.approx(best_by_hand(truth, probabilities, metric, weights), abs=1e-12)
    assert found.score == score(metric, truth, found.codes(probabilities), None, "ab", weights)
    assert found.score >= found.default_score
    assert found.of_second == found.values[1]


def test_thresholds_per_class_make_many_classes_better():
    truth, probabilities = three_classes()

    found = threshold_by_metric("f1_macro", truth, probabilities, classes="abc")

    plain = sk.f1_score(truth, probabilities.argmax(axis=1), average="macro")
    chosen = sk.f1_score(truth, found.codes(probabilities), average="macro")
    assert found.default_score == pytest.approx(plain)
    assert found.score == pytest.approx(chosen)
    assert chosen > plain + 0.02
    assert sum(found.values) == pytest.approx(1.0)
    assert min(found.values) > 0


def test_of_equals_the_one_nearest_to_the_most_likely_class():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.1, 0.9]])

    found = threshold_by_metric("accuracy", np.array([0, 0, 1, 1]), probabilities, classes="ab")

    assert found.of_second == pytest.approx(0.45)  # between 0.2 and 0.7
    assert threshold_by_metric("accuracy", np.repeat([0, 1, 2], 4), np.eye(3)[np.repeat([0, 1, 2], 4)] * 0.7 + 0.1,
                               classes="abc").codes(np.eye(3)).tolist() == [0, 1, 2]  # fmt: skip


def test_costs_of_two_classes():
    truth, probabilities = two_classes(5_000)

    found = threshold_by_cost([[0, 1], [9, 0]], truth, probabilities, classes="ab")

    def cost(codes):
        return np.mean(np.where(truth == 1, 9 * (codes == 0), codes == 1))

    places = np.r_[0.0, np.unique(np.quantile(probabilities[:, 1], np.linspace(0, 1, 300), method="nearest"))]
    assert found.score <= min(cost((probabilities[:, 1] > place).astype(int)) for place in places) + 1e-3
    assert found.score == pytest.approx(cost(found.codes(probabilities)))
    assert found.of_second < 0.4


def test_costs_of_many_classes():
    truth, probabilities = three_classes()
    costs = np.array([[0, 1, 1], [1, 0, 1], [30, 30, 0]])

    found = threshold_by_cost(costs, truth, probabilities, classes="abc")

    codes = found.codes(probabilities)
    assert found.score == pytest.approx(costs[truth, codes].mean())
    assert found.score < found.default_score
    assert (codes == 2).sum() > (probabilities.argmax(axis=1) == 2).sum()


def test_a_recall_is_reached_with_the_best_precision():
    truth, probabilities = two_classes()

    found = threshold_by_target("recall", 0.9, truth, probabilities, classes="ab")

    codes = found.codes(probabilities)
    precision, recall, _ = sk.precision_recall_curve(truth, probabilities[:, 1])
    assert sk.recall_score(truth, codes) >= 0.9
    assert sk.precision_score(truth, codes) == pytest.approx(precision[recall >= 0.9].max()) == found.score


def test_a_precision_is_reached_with_the_best_recall():
    truth, probabilities = two_classes(skill=2.0)

    found = threshold_by_target("precision", 0.8, truth, probabilities, classes="ab")

    codes = found.codes(probabilities)
    precision, recall, _ = sk.precision_recall_curve(truth, probabilities[:, 1])
    assert sk.precision_score(truth, codes) >= 0.8
    assert sk.recall_score(truth, codes) == pytest.approx(recall[precision >= 0.8].max())


def test_a_target_out_of_reach_says_what_can_be_reached():
    probabilities = np.full((20, 2), 0.5)

    with pytest.raises(DataError, match=r"no threshold reaches a precision of 0.9; the most is 0.5"):
        threshold_by_target("precision", 0.9, np.arange(20) % 2, probabilities, classes="ab")


@pytest.mark.parametrize(
    ("choose", "says"),
    [
        (lambda t, p: threshold_by_metric("roc_auc", t, p, classes="ab"), "no threshold changes 'roc_auc'"),
        (lambda t, p: threshold_by_metric("rmse", t, p, classes="ab"), "one of a regression"),
        (lambda t, p: threshold_by_cost([[0, 1]], t, p, classes="ab"), "2 numbers for each of 2 classes"),
        (lambda t, p: threshold_by_target("recall", 1.5, t, p, classes="ab"), "above 0 and at most 1"),
        (lambda t, p: threshold_by_target("recall", 0.5, t, p[:, [0, 1, 1]], classes="abc"), "needs two classes"),
        (lambda t, p: threshold_by_metric("f1", t, p * np.nan, classes="ab"), "missing or infinite"),
    ],
)
def test_what_cannot_be_chosen_is_refused(choose, says):
    with pytest.raises(DataError, match=says):
        choose(*two_classes(50))


def test_a_threshold_survives_json():
    found = threshold_by_metric("f1_macro", *three_classes(), classes="abc")

    assert Threshold.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found


@pytest.mark.parametrize("classes", [2, 3])
def test_thresholds_chosen_on_noise_are_no_better_than_chance_on_other_rows(classes):
    better = []
    for seed in range(100):
        rng = np.random.default_rng(seed)
        truth = rng.integers(0, classes, 600)
        probabilities = rng.dirichlet(np.ones(classes), 600)
        found = threshold_by_metric("balanced_accuracy", truth[:300], probabilities[:300], classes=range(classes))
        codes = found.codes(probabilities[300:])
        better.append(score("balanced_accuracy", truth[300:], codes, None, range(classes)) - 1 / classes)

    assert abs(np.mean(better)) < 3 * np.std(better) / 10


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_out_of_fold_thresholds_keep_their_promise_on_test_rows(load):
    data = load()
    gains = []
    for seed in range(5):
        x, held, y, truth = train_test_split(data.data, data.target, random_state=seed, stratify=data.target)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3))
        oof = cross_val_predict(model, x, y, method="predict_proba")
        found = threshold_by_metric("balanced_accuracy", y, oof, classes=range(len(data.target_names)))
        probabilities = model.fit(x, y).predict_proba(held)
        chosen = sk.balanced_accuracy_score(truth, found.codes(probabilities))
        gains.append(chosen - sk.balanced_accuracy_score(truth, probabilities.argmax(axis=1)))

    assert np.mean(gains) > 0
