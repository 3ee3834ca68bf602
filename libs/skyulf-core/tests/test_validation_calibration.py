"""Calibration against scikit-learn, and probabilities that come true as often as they say."""

import json

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from skyulf_core.evaluation.metrics import score
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Op
from skyulf_core.validation.calibration import Calibration, cross_calibrated, fit_calibration

FOLDS = StratifiedKFold(5, shuffle=True, random_state=0)


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine, load_digits])
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration_equals_scikit_learn_on_out_of_fold_probabilities(load, method):
    x, y = load(return_X_y=True)
    x, y = x[:600], y[:600]
    model = RandomForestClassifier(15, random_state=0)

    oof = cross_val_predict(model, x, y, cv=FOLDS, method="predict_proba")
    found = fit_calibration(method, y, oof, classes=range(y.max() + 1))
    mine = found.apply(model.fit(x, y).predict_proba(x))

    theirs = CalibratedClassifierCV(model, method=method, cv=FOLDS, ensemble=False).fit(x, y).predict_proba(x)
    assert mine == pytest.approx(theirs, abs=1e-9)
    assert mine.dtype == np.float64
    assert mine.sum(axis=1) == pytest.approx(1.0)


def too_sure(rng, rows):
    chance = rng.random(rows)
    sure = 1 / (1 + (1 / chance - 1) ** 3)
    return (rng.random(rows) < chance).astype(int), np.column_stack([1 - sure, sure])


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_probabilities_that_are_too_sure_are_mended_on_other_rows(method):
    rng = np.random.default_rng(0)
    found = fit_calibration(method, *too_sure(rng, 5_000), classes="ab")
    truth, probabilities = too_sure(rng, 20_000)

    mended = found.apply(probabilities)

    def log_loss(of):
        return score("log_loss", truth, truth, of, "ab")

    assert log_loss(mended) < log_loss(probabilities) - 0.05
    assert score("brier", truth, truth, mended, "ab") < score("brier", truth, truth, probabilities, "ab")


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_a_weight_is_a_row_that_many_times(method):
    rng = np.random.default_rng(1)
    truth, probabilities = too_sure(rng, 300)
    counts = rng.integers(1, 4, 300)
    rows = np.repeat(np.arange(300), counts)

    weighted = fit_calibration(method, truth, probabilities, classes="ab", weights=counts.astype(float))
    repeated = fit_calibration(method, truth[rows], probabilities[rows], classes="ab")

    # the prior of Platt counts rows, not weights, and his minimum is found to 1e-5
    assert weighted.apply(probabilities) == pytest.approx(repeated.apply(probabilities), abs=2e-2)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_calibration_survives_json_and_is_an_operation(method, classes):
    rng = np.random.default_rng(2)
    truth, probabilities = rng.integers(0, classes, 100), rng.dirichlet(np.ones(classes), 100)
    found = fit_calibration(method, truth, probabilities, classes=range(classes))

    read = Calibration.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))

    assert read == found
    run = Op.from_dict(read.op().to_dict()).row_function()
    for row, expected in zip(probabilities.tolist(), found.apply(probabilities).tolist(), strict=True):
        values = {"@probabilities": row}
        run(values)
        assert values["@probabilities"] == expected


def test_each_fold_is_corrected_by_the_others():
    rng = np.random.default_rng(3)
    truth, probabilities = too_sure(rng, 200)
    folds = np.arange(200) % 4

    found = cross_calibrated("isotonic", truth, probabilities, folds, classes="ab")

    inside = folds == 2
    rest = fit_calibration("isotonic", truth[~inside], probabilities[~inside], classes="ab")
    assert found[inside].tolist() == rest.apply(probabilities[inside]).tolist()


@pytest.mark.parametrize(
    ("truth", "probabilities", "says"),
    [
        (np.zeros(20, int), np.full((20, 2), 0.5), "class 'b' has no row to calibrate on"),
        (np.arange(4) % 2, np.full((4, 2), 0.5), "at least 10 rows"),
        (np.arange(20) % 2, np.full((20, 2), np.nan), "missing or infinite"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(truth, probabilities, says):
    with pytest.raises(DataError, match=says):
        fit_calibration("sigmoid", truth, probabilities, classes="ab")
