"""Metrics, segments and groups on odd rows: what scikit-learn answers, or NaN, never a number that means nothing."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk
from skyulf_core import DataError
from skyulf_core.evaluation.comparison import compare
from skyulf_core.evaluation.fairness import fairness
from skyulf_core.evaluation.metrics import score
from skyulf_core.evaluation.rows import rows_of
from skyulf_core.evaluation.segments import segments_of
from skyulf_core.evaluation.slices import slices_by

N = 200
DRAW = np.random.default_rng(0)
TRUTH = {classes: DRAW.integers(0, classes, N) for classes in (2, 3)}
KNOWN = {classes: DRAW.dirichlet(np.ones(classes), N) for classes in (2, 3)}
TIED = {classes: np.round(p, 1) / np.round(p, 1).sum(axis=1, keepdims=True) for classes, p in KNOWN.items()}
WEIGHTS = {
    "none": None, "some": DRAW.random(N), "zeros": (DRAW.random(N) < 0.5) * 1.0, "huge": DRAW.random(N) * 1e140,
    "tiny": DRAW.random(N) * 1e-300,
}  # fmt: skip


def references(truth, predicted, known, weights):
    options = {"sample_weight": weights}
    found = {
        "accuracy": sk.accuracy_score(truth, predicted, **options),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted, **options),
        "f1_macro": sk.f1_score(truth, predicted, average="macro", zero_division=0, **options),
        "precision_weighted": sk.precision_score(truth, predicted, average="weighted", zero_division=0, **options),
        "log_loss": sk.log_loss(truth, known, labels=range(known.shape[1]), **options),
    }
    if known.shape[1] == 2:
        found["roc_auc"] = sk.roc_auc_score(truth, known[:, 1], **options)
        return {**found, "pr_auc": sk.average_precision_score(truth, known[:, 1], **options)}
    found["roc_auc"] = sk.roc_auc_score(truth, known, multi_class="ovr", **options)
    return {**found, "pr_auc": sk.average_precision_score(np.eye(3)[truth], known, **options)}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("known", [KNOWN, TIED], ids=["scores", "ties"])
@pytest.mark.parametrize("classes", [2, 3])
def test_weights_of_any_size_and_ties_are_counted_as_scikit_learn_counts_them(classes, known, weights):
    truth, p, w = TRUTH[classes], known[classes], WEIGHTS[weights]

    for name, expected in references(truth, p.argmax(axis=1), p, w).items():
        assert score(name, truth, p.argmax(axis=1), p, range(classes), w) == pytest.approx(expected, rel=1e-9), name


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr", "roc_auc_ovo", "pr_auc"])
@pytest.mark.parametrize("rows", [1, N])
def test_ranking_metrics_are_undefined_where_one_class_occurs(name, rows):
    truth, p = np.zeros(rows, int), KNOWN[3][:rows]

    assert math.isnan(score(name, truth, p.argmax(axis=1), p, range(3)))


def test_a_pair_of_classes_that_does_not_occur_is_left_out_of_the_mean_of_pairs():
    truth = np.where(TRUTH[3] == 2, 0, TRUTH[3])
    p = KNOWN[3]

    found = score("roc_auc_ovo", truth, p.argmax(axis=1), p, range(3))

    pairs = [found_of(truth, 0, 1, p), found_of(truth, 1, 0, p)]
    assert found == pytest.approx(np.mean(pairs), rel=1e-12)


def found_of(truth, one, other, p):
    kept = (truth == one) | (truth == other)
    return sk.roc_auc_score(truth[kept] == one, p[kept, one])


def test_probabilities_that_are_no_numbers_are_refused():
    broken = KNOWN[2].copy()
    broken[3] = np.nan

    with pytest.raises(DataError, match="missing or infinite"):
        score("roc_auc", TRUTH[2], broken.argmax(axis=1), broken, range(2))


def test_texts_that_say_missing_and_other_are_no_segment_of_nulls_or_of_the_rest():
    texts = np.array(["missing", None, "other", "a"] * 30 + [f"c{i}" for i in range(20)], object)

    found = segments_of(texts)

    assert len(set(found.labels)) == len(found.labels)
    assert {"missing", "missing (no value)", "other", "other (all the rest)"} <= set(found.labels)
    assert found.mask(found.labels.index("missing")).sum() == found.mask(found.labels.index("missing (no value)")).sum()


def test_no_group_takes_the_place_of_another():
    column = np.array([(None, "missing", "b")[i % 3] for i in range(N)], object)
    rows = rows_of(TRUTH[2], KNOWN[2].argmax(axis=1), KNOWN[2], classes=["no", "yes"])

    groups = fairness("c", column, rows, samples=20).groups
    slices = slices_by("c", column, "accuracy", rows, samples=20)

    assert sum(group["rows"] for group in groups.values()) == N
    assert len({part.where for part in slices}) == len(slices) == 3


def test_groups_that_weigh_nothing_have_no_rates_and_make_no_gap():
    column = np.array(["a", "b"] * (N // 2), object)
    rows = rows_of(
        TRUTH[2], KNOWN[2].argmax(axis=1), KNOWN[2], classes=["no", "yes"], weights=np.where(column == "b", 0.0, 1.0)
    )

    found = fairness("c", column, rows, samples=20)

    assert found.groups["b"] == {"rows": N / 2}
    assert found.gaps == ()
    assert [part.where for part in slices_by("c", column, "accuracy", rows, samples=20)] == [(("c", "a"),)]


def test_a_model_is_no_better_than_itself():
    rows = rows_of(TRUTH[3], KNOWN[3].argmax(axis=1), KNOWN[3], classes=range(3))

    found = compare(["accuracy", "roc_auc", "log_loss"], rows, rows, samples=50)

    assert [(one.p_value, one.significant, one.difference.low, one.difference.high) for one in found.values()] == [
        (1.0, False, 0.0, 0.0)
    ] * 3
    assert all("there is no difference" in one.sentence for one in found.values())
