"""Data, configurations and comparisons that the tests of cross-validation share."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from skyulf_core.pipeline.resolve import resolve

CANCER = load_breast_cancer(as_frame=True).frame
GAPS = CANCER.mask(np.random.default_rng(1).random(CANCER.shape) < 0.05).assign(target=CANCER["target"])
SPLIT = {"node": "TrainTestSplit", "config": {"target": "target", "random_state": 4}}
SCALED = {"steps": [SPLIT, {"node": "StandardScaler"}], "model": {"node": "logistic_regression"}}


CANDIDATES = [
    {"node": "logistic_regression", "config": {"C": value}} for value in (0.001, 0.1, 10.0)
] + [{"node": "gaussian_nb"}]  # fmt: skip


def results(validator, configs):
    return [validator.run_fold(resolve(config), index) for config in configs for index in range(validator.folds)]


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.metrics == other.metrics
        assert one.rows.tolist() == other.rows.tolist()
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
