"""AdaBoost for numbers: trees that look at what the trees before got wrong; the answer is their weighted median."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import AdaBoostRegressor
from sklearn.tree import DecisionTreeRegressor

from skyulf_core.models._base import PlanApplier
from skyulf_core.models._boosting import ADABOOST_SPACE, AdaBoostConfig, fit_adaboost
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Op, Respond

_NAME = "adaboost_regressor"


class AdaBoostRegressorConfig(AdaBoostConfig):
    """Configuration of adaboost_regressor."""

    loss: Literal["linear", "square", "exponential"] = Field(
        "linear", title="Loss", description="How errors make rows weigh more for the next tree."
    )
    max_depth: int | None = Field(3, ge=1, title="Depth", description="Largest depth of a tree; null: no limit.")


class AdaBoostRegressorApplier(PlanApplier):
    """Predicts with the weighted median of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the answer."""
        return [tree_op(params, features, combine="weighted_median", link="identity", nulls="refuse"), Respond()]


@NodeRegistry.register(_NAME, AdaBoostRegressorApplier)
class AdaBoostRegressorCalculator(ModelCalculator[AdaBoostRegressorConfig]):
    """Small trees, each trained on rows drawn by how wrong those before were; the answer is their weighted median.

    AdaBoost.R2. Nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "regression"
    keywords = ("trees", "boosting", "median", "ensemble")
    reference = "sklearn.ensemble.AdaBoostRegressor"
    search_space: ClassVar = {**ADABOOST_SPACE, "loss": {"choices": ["linear", "square", "exponential"]}}
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 30, "learning_rate": 0.5, "loss": "square"},
        {"n_estimators": 5, "max_depth": 2, "min_samples_leaf": 3, "loss": "exponential"},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: AdaBoostRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays, and the weight of each tree."""
        tree = DecisionTreeRegressor(max_depth=config.max_depth, min_samples_leaf=config.min_samples_leaf)
        chosen = config.model_dump(include={"n_estimators", "learning_rate", "loss", "random_state"})
        model = AdaBoostRegressor(tree, **chosen)
        params = fit_adaboost(model, features, target, weights, node=_NAME)
        return Params(params, weights=np.array(model.estimator_weights_[: len(model.estimators_)], np.float64))
