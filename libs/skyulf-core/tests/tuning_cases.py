"""Pipelines and data that the tests of tuning share."""

import numpy as np
import polars as pl
from sklearn.datasets import load_breast_cancer, load_diabetes

SPLIT = {"node": "FeatureTargetSplit", "config": {"target": "y"}}
"""Holds nothing out, so that the training rows are the rows."""


def cancer(nulls=True):
    """Two classes, 569 rows, some of them with nulls."""
    bunch = load_breast_cancer(as_frame=True)
    frame = pl.from_pandas(bunch.data).with_columns(y=pl.Series(bunch.target.to_numpy()))
    if not nulls:
        return frame
    gone = np.random.default_rng(0).random(frame.height) < 0.1
    return frame.with_columns(pl.when(pl.Series(gone)).then(None).otherwise(pl.col("mean area")).alias("mean area"))


def diabetes():
    """A number, 442 rows."""
    bunch = load_diabetes(as_frame=True)
    return pl.from_pandas(bunch.data).with_columns(y=pl.Series(bunch.target.to_numpy()))


def classifier(**tuning):
    return {
        "steps": [SPLIT, {"node": "SimpleImputer", "id": "fill"}, {"node": "StandardScaler"}],
        "model": {"node": "logistic_regression"},
        "tuning": tuning,
    }


def ridge(**tuning):
    return {
        "steps": [SPLIT, {"node": "StandardScaler"}],
        "model": {"node": "ridge_regression"},
        "tuning": tuning,
    }


ALPHA = {"alpha": {"low": 1e-3, "high": 1e3, "log": True}}
KERNEL = {
    "solver": ["svd", "lsqr", "sag"],
    "alpha": {"low": 1e-3, "high": 1e3, "log": True},
    "tol": {"low": 1e-6, "high": 1e-2, "log": True, "when": {"solver": ["lsqr", "sag"]}},
    "max_iter": {"low": 50, "high": 500, "when": {"solver": "sag"}},
}
"""Parameters of ridge_regression that matter under conditions."""
