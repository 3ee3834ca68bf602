"""The rows that models are checked with, and what of a case they need."""

from __future__ import annotations

from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import Label, ModelApplier, ModelCalculator, NodeConfig
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.testing.compare import CheckError
from skyulf_core.testing.node_checks import Case

_NAMES = ("count", "large", "flag", "number")


def model_of(case: Case) -> ModelCalculator[NodeConfig]:
    """Return the model."""
    return cast("ModelCalculator[NodeConfig]", case.calculator)


def applier_of(case: Case) -> ModelApplier:
    """Return its applier. Raises CheckError where there is none."""
    if not isinstance(case.entry.applier, ModelApplier):
        raise CheckError("the model is registered without a ModelApplier")
    return case.entry.applier


def features_of(case: Case, *, nulls: bool) -> pl.DataFrame:
    """Return features of very unlike scales; one column has nulls."""
    found = case.frame.select(_NAMES)
    if not model_of(case).accepts_negative:
        found = found.with_columns(pl.col("number").abs())
    return found if nulls else found.with_columns(pl.col("number").fill_null(0.0))


def scaled_features_of(case: Case) -> pl.DataFrame:
    """Return the features with a deviation of 1, on which solvers settle; without nulls."""
    numbers = features_of(case, nulls=False).select(pl.all().cast(pl.Float64))
    middle = pl.all().mean() if model_of(case).accepts_negative else pl.all().min()
    return numbers.select((pl.all() - middle) / pl.all().std())


def target_of(case: Case) -> tuple[NDArray[np.generic], tuple[str, ...] | None]:
    """Return what is learned, and the labels of its codes; no rows for a model that learns without a target."""
    if not model_of(case).supervised:
        return np.zeros(0), None
    if model_of(case).task == "regression":
        name = case.calculator.sample_target
        return case.frame["value" if name == "label" else name].to_numpy(), None
    classes, codes = np.unique(case.frame["label"].to_numpy(), return_inverse=True)
    return codes.astype(np.int64), tuple(str(label) for label in classes)


def classes_of(case: Case, params: Params) -> tuple[Label, ...] | None:
    """Return the labels of the probabilities, where there are any."""
    model = model_of(case)
    return model.clusters(params) if isinstance(model, UnsupervisedCalculator) else target_of(case)[1]


def takes_missing(case: Case) -> bool:
    """Say whether features may hold nulls with this configuration."""
    return model_of(case).takes_missing(case.config)


def fit(case: Case) -> Params:
    """Learn from the sample."""
    return model_of(case).fit(features_of(case, nulls=takes_missing(case)), target_of(case)[0], case.config)
