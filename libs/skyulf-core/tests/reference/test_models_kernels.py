"""Support vector machines against scikit-learn on real data."""

import model_reference as real
import numpy as np
import polars as pl
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC, SVR
from skyulf_core import DataError, NodeRegistry

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KERNELS = [
    {},
    {"kernel": "linear", "C": 0.3},
    {"kernel": "poly", "degree": 2, "coef0": 1.0, "gamma": "auto", "C": 5.0},
    {"kernel": "sigmoid", "gamma": 0.02},
]
CLASSES = [{**KERNELS[0], "break_ties": True}, *KERNELS[1:], {"class_weight": "balanced", "C": 10.0}]


class Probable(BaseEstimator):
    """Classes by the votes of one machine, probabilities by calibration of the scores of the same."""

    def __init__(self, **config):
        self.config = config

    def fit(self, x, y, sample_weight=None):
        self.votes = SVC(**self.config).fit(x, y, sample_weight=sample_weight)
        self.cross = CalibratedClassifierCV(SVC(**self.config), cv=3, ensemble=False)
        self.cross.fit(x, y, sample_weight=sample_weight)
        return self

    def predict(self, x):
        return self.votes.predict(x)

    def predict_proba(self, x):
        return self.cross.predict_proba(x)


def _weights(weighted, rows):
    return real.uneven_weights(rows) if weighted else None


@pytest.mark.compares("svc")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("config", CLASSES, ids=str)
@pytest.mark.parametrize("data", real.CLASSIFICATION)
def test_classes_of_votes_are_scikit_learns(data, config, weighted, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    weights = _weights(weighted, frame.height)

    real.check_model("svc", config, SVC(**config), frame, target, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("svc")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("config", KERNELS, ids=str)
@pytest.mark.parametrize("data", real.CLASSIFICATION)
def test_probabilities_are_those_of_scikit_learns_calibration(data, config, weighted, tmp_path):
    frame, target = real.scaled(real.CLASSIFICATION[data]())
    ours, weights = {**config, "probability": True, "cv": 3}, _weights(weighted, frame.height)

    real.check_model("svc", ours, Probable(**config), frame, target, tmp_path=tmp_path, weights=weights)


@pytest.mark.compares("svr")
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("config", [*KERNELS, {"epsilon": 0.01, "C": 20.0}], ids=str)
@pytest.mark.parametrize("data", real.REGRESSION)
def test_numbers_of_kernels_are_scikit_learns(data, config, weighted, tmp_path):
    frame, target = real.scaled(real.REGRESSION[data]())
    target, weights = target / target.std(), _weights(weighted, frame.height)

    real.check_model("svr", config, SVR(**config), frame, target, tmp_path=tmp_path, weights=weights)


def test_a_class_with_fewer_rows_than_folds_has_no_probabilities():
    frame, target = pl.DataFrame({"a": [0.0, 1.0, 2.0, 3.0, 4.0]}), np.array([0, 0, 0, 1, 1])
    entry = NodeRegistry.get("svc")

    with pytest.raises(DataError, match="2 training rows, fewer than the 3 folds: choose cv of at most 2"):
        entry.calculator.fit(frame, target, entry.config_model(probability=True, cv=3))


def test_one_support_vector_is_added_up_as_many_are():
    frame = pl.DataFrame({f"f{i}": [0.1 * i, 0.2 + i] for i in range(12)})
    entry = NodeRegistry.get("svr")
    params = entry.calculator.fit(frame, np.array([1.0, 2.0]), entry.config_model(epsilon=0.4))
    op = entry.applier.plan(params, features=frame.columns, classes=None)[0]
    columns = {name: frame[name].to_numpy() for name in frame.columns}

    op.batch(columns)

    row = frame.row(1, named=True)
    op.row(row)
    assert row["@scores"] == columns["@scores"][1].tolist()


def test_more_classes_than_pairs_can_be_learned_of_are_refused():
    frame, target = pl.DataFrame({"a": np.arange(402.0)}), np.repeat(np.arange(201), 2)
    entry = NodeRegistry.get("svc")

    with pytest.raises(DataError, match="every pair of 201 classes"):
        entry.calculator.fit(frame, target, entry.config_model())
