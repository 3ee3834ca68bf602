"""What gradient boosting and AdaBoost of scikit-learn share: their fields, and their trees as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue
from pydantic.config import JsonDict

from skyulf_core.models._base import fitting, refuse_nulls, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.models._forests import MaxFeatures, importances, telling
from skyulf_core.models._trees import ForestTree, forest_arrays
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.params import Params

_STOPPING: JsonDict = {"x-visible-if": {"n_iter_no_change": {"not": [None]}}}

BOOSTING_SPACE: dict[str, dict[str, JsonValue]] = {
    "n_estimators": {"low": 50, "high": 500, "log": True},
    "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "max_depth": {"low": 2, "high": 8},
    "subsample": {"low": 0.5, "high": 1.0},
    "min_samples_leaf": {"low": 1, "high": 30, "log": True},
}
ADABOOST_SPACE: dict[str, dict[str, JsonValue]] = {
    "n_estimators": {"low": 25, "high": 300, "log": True},
    "learning_rate": {"low": 0.01, "high": 2.0, "log": True},
    "max_depth": {"low": 1, "high": 6},
}


class GradientBoostingConfig(NodeConfig):
    """Fields of gradient boosting by exact splits."""

    learning_rate: float = Field(
        0.1, ge=0, le=10, title="Learning rate", description="Factor on every tree; smaller needs more trees."
    )
    n_estimators: int = Field(100, ge=1, le=10_000, title="Iterations", description="Boosting steps, at most.")
    subsample: float = Field(
        1.0, gt=0, le=1, title="Row share", description="Share of the rows that each step sees, drawn at random."
    )
    min_samples_split: int = Field(2, ge=2, title="Rows to split", description="Fewest rows of a node that is split.")
    min_samples_leaf: int = Field(1, ge=1, title="Rows per leaf", description="Fewest rows in a leaf.")
    min_weight_fraction_leaf: float = Field(
        0.0, ge=0, le=0.5, title="Weight per leaf", description="Least share of all weights in a leaf."
    )
    max_depth: int | None = Field(3, ge=1, title="Depth", description="Largest depth of a tree; null: no limit.")
    min_impurity_decrease: float = Field(0.0, ge=0, title="Least gain", description="Least gain of a split.")
    init: Literal["zero"] | None = Field(
        None, title="Start", description="Where boosting starts: null is the best constant, zero is 0."
    )
    max_features: MaxFeatures = None
    max_leaf_nodes: int | None = Field(None, ge=2, title="Leaves", description="Most leaves of a tree; null: no limit.")
    n_iter_no_change: int | None = Field(
        None, ge=1, title="Patience", description="Stop after so many steps without progress; null: make all steps."
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        title="Held-out share",
        description="Share of the training rows for early stopping.",
        json_schema_extra=_STOPPING,
    )
    tol: float = Field(
        1e-4,
        ge=0,
        title="Tolerance",
        description="Progress smaller than this counts as none.",
        json_schema_extra=_STOPPING,
    )
    ccp_alpha: float = Field(0.0, ge=0, title="Pruning", description="Cost-complexity pruning; larger prunes more.")
    random_state: RandomState = 0


class AdaBoostConfig(NodeConfig):
    """Fields of AdaBoost on decision trees."""

    n_estimators: int = Field(50, ge=1, le=10_000, title="Trees", description="Number of trees, at most.")
    learning_rate: float = Field(
        1.0, gt=0, le=10, title="Learning rate", description="Factor on the weight of every tree."
    )
    min_samples_leaf: int = Field(1, ge=1, title="Rows per leaf", description="Fewest rows in a leaf.")
    random_state: RandomState = 0


class GradientBoosting(Protocol):
    """A gradient boosting model of scikit-learn."""

    estimators_: NDArray[np.object_]
    n_estimators_: int
    learning_rate: float

    def fit(self, X: object, y: object, sample_weight: object = None) -> object:
        """Learn."""


class Booster(Protocol):
    """An AdaBoost model of scikit-learn."""

    estimators_: Sequence[object]
    estimator_weights_: NDArray[np.float64]

    def fit(self, X: object, y: object, sample_weight: object = None) -> object:
        """Learn."""


def fit_gradient_boosting(
    model: GradientBoosting,
    features: pl.DataFrame,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    *,
    node: str,
    scale: float = 1.0,
) -> dict[str, object]:
    """Train; return the nodes of all trees as arrays, leaves and baseline times `scale` (a power of 2)."""
    refuse_nulls(features, node)
    matrix = to_matrix(features, np.float32)
    with fitting(node):
        try:
            model.fit(matrix, target, sample_weight=telling(weights))
        except ZeroDivisionError as error:
            raise ValueError("a step drew no row to learn from; raise subsample, or train on more rows") from error
    return gradient_boosting_arrays(model, matrix[:1], scale=scale)


def gradient_boosting_arrays(
    model: GradientBoosting, row: NDArray[np.floating], *, scale: float = 1.0
) -> dict[str, object]:
    """Return the nodes of all trees of a fitted model as arrays; `row` is any row that it can predict."""
    grown = model.estimators_[: model.n_estimators_]
    arrays = forest_arrays([cast("ForestTree", tree.tree_) for tree in grown.ravel()])
    values = cast("NDArray[np.float64]", arrays["values"])
    baseline = model._raw_predict_init(row)  # type: ignore[attr-defined]
    return {
        **arrays,
        "values": model.learning_rate * values * scale,
        "tree_output": np.tile(np.arange(grown.shape[1], dtype=np.int32), len(grown)),
        "baseline": np.ravel(baseline).astype(np.float64) * scale,
        "importances": importances(model),
        "n_iter": len(grown),
    }


def fit_adaboost(
    model: Booster,
    features: pl.DataFrame,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    *,
    node: str,
) -> Params:
    """Train; return the nodes of all trees as arrays, and the importances."""
    refuse_nulls(features, node)
    with fitting(node):
        model.fit(to_matrix(features, np.float32), target, sample_weight=telling(weights))
    return adaboost_params(model)


def adaboost_params(model: Booster) -> Params:
    """Return the nodes of all trees of a fitted model as arrays, and the importances."""
    trees = [cast("ForestTree", tree.tree_) for tree in model.estimators_]  # type: ignore[attr-defined]
    return Params(forest_arrays(trees), importances=importances(model), n_iter=len(trees))
