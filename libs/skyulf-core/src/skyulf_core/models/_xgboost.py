"""What both models of XGBoost share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator

from skyulf_core.models._base import PlanApplier, to_matrix
from skyulf_core.models._boosters import BoosterConfig, held_out, library, rows_of, xgboost_arrays
from skyulf_core.models._forests import importances
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op, Respond

XGBOOST_SPACE: dict[str, dict[str, JsonValue]] = {
    "n_estimators": {"low": 50, "high": 500, "log": True},
    "learning_rate": {"low": 0.01, "high": 0.3, "log": True},
    "max_depth": {"low": 2, "high": 10},
    "min_child_weight": {"low": 0.1, "high": 20.0, "log": True},
    "subsample": {"low": 0.5, "high": 1.0},
    "colsample_bytree": {"low": 0.4, "high": 1.0},
    "reg_lambda": {"low": 1e-3, "high": 100.0, "log": True},
}


class XgboostConfig(BoosterConfig):
    """Fields of both models, named as in XGBoost, with its defaults."""

    learning_rate: float = Field(
        0.3, gt=0, le=10, title="Learning rate", description="Factor on every tree; smaller needs more trees."
    )
    max_depth: int = Field(6, ge=0, le=64, title="Depth", description="Largest depth of a tree; 0: no limit.")
    max_leaves: int = Field(0, ge=0, title="Leaves", description="Most leaves of a tree; 0: no limit.")
    grow_policy: Literal["depthwise", "lossguide"] = Field(
        "depthwise", title="Growth", description="Level by level, or where it gains most."
    )
    min_child_weight: float = Field(1.0, ge=0, title="Weight per leaf", description="Least weight (hessian) in a leaf.")
    gamma: float = Field(0.0, ge=0, title="Least gain", description="Least gain of a split.")
    subsample: float = Field(1.0, gt=0, le=1, title="Row share", description="Share of the rows that each tree sees.")
    colsample_bytree: float = Field(
        1.0, gt=0, le=1, title="Features per tree", description="Share of the features that each tree sees."
    )
    colsample_bynode: float = Field(
        1.0, gt=0, le=1, title="Features per split", description="Share of the tree's features that each split sees."
    )
    reg_lambda: float = Field(1.0, ge=0, title="L2", description="Strength of the L2 penalty on leaf values.")
    tree_method: Literal["hist", "approx", "exact"] = Field(
        "hist", title="Method", description="exact tries every value; the others bins of values."
    )
    max_bin: int = Field(
        256,
        ge=2,
        le=65_535,
        title="Bins",
        description="Largest number of bins of a feature.",
        json_schema_extra={"x-visible-if": {"tree_method": ["hist", "approx"]}},
    )

    @model_validator(mode="after")
    def _method_fits(self) -> XgboostConfig:
        if self.tree_method == "exact" and (self.grow_policy != "depthwise" or self.max_leaves or not self.max_depth):
            raise ValueError("tree_method exact grows level by level to a largest depth; choose hist")
        if self.tree_method == "exact" and self.colsample_bynode < 1.0:
            raise ValueError("tree_method exact has no colsample_bynode; choose hist, or colsample_bytree")
        return self

    def of_library(self) -> dict[str, object]:
        """Return the fields that the library's estimator takes."""
        fields = super().of_library()
        unused = {name for name, value in fields.items() if value is None and name != "random_state"}
        if self.tree_method == "exact":
            unused |= {"max_bin", "max_leaves", "grow_policy"}
        return {name: value for name, value in fields.items() if name not in unused}


class XgboostApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees, and the decoding of their sums or the answer."""
        if classes is None:
            trees = tree_op(params, features, link="identity", precision="float32")
            return [trees, Respond("exp_float32" if params.flag("log") else "identity")]
        link: Literal["sigmoid", "softmax"] = "sigmoid" if len(params.array("baseline")) == 1 else "softmax"
        return [tree_op(params, features, link=link, precision="float32"), Decode(tuple(classes))]


def fit_xgboost(
    estimator: str,
    objective: str,
    features: pl.DataFrame,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    *,
    config: XgboostConfig,
    node: str,
) -> dict[str, object]:
    """Train; return the nodes of all trees up to the best step as arrays. Raises DataError."""
    rows = rows_of(to_matrix(features, np.float32), target, weights)
    with library("xgboost", node) as xgboost:
        train, test = held_out(rows, config, stratify=estimator == "XGBClassifier")
        patience = {} if test is None else {"early_stopping_rounds": config.early_stopping_rounds}
        model = getattr(xgboost, estimator)(**{**config.of_library(), **patience, "objective": objective})
        watched: dict[str, Any] = {} if test is None else {"eval_set": [(test.features, test.target)]}
        if test is not None and test.weights is not None:
            watched["sample_weight_eval_set"] = [test.weights]
        model.fit(train.features, train.target, sample_weight=train.weights, verbose=False, **watched)
        booster = model.get_booster()
        booster = booster if test is None else booster[: model.best_iteration + 1]
        arrays = xgboost_arrays(booster)
        return {**arrays, "importances": importances(model), "n_iter": int(booster.num_boosted_rounds())}
