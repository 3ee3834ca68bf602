"""Gradient boosting by exact splits, for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import GradientBoostingRegressor

from skyulf_core.models._base import PlanApplier
from skyulf_core.models._boosting import BOOSTING_SPACE, GradientBoostingConfig, fit_gradient_boosting
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Op, Respond

_NAME = "gradient_boosting_regressor"


class GradientBoostingRegressorConfig(GradientBoostingConfig):
    """Configuration of gradient_boosting_regressor."""

    loss: Literal["squared_error", "absolute_error", "huber", "quantile"] = Field(
        "squared_error", title="Loss", description="What training makes small; huber forgives outliers."
    )
    alpha: float = Field(
        0.9,
        gt=0,
        lt=1,
        title="Quantile",
        description="The quantile to predict, or of the errors from which on huber counts linearly.",
        json_schema_extra={"x-visible-if": {"loss": ["huber", "quantile"]}},
    )


class GradientBoostingRegressorApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the answer."""
        return [tree_op(params, features, link="identity", nulls="refuse"), Respond()]


@NodeRegistry.register(_NAME, GradientBoostingRegressorApplier)
class GradientBoostingRegressorCalculator(ModelCalculator[GradientBoostingRegressorConfig]):
    """Boosted trees with exact splits, for a number: best on small tables.

    On more than some ten thousand rows hist_gradient_boosting_regressor is as good and many times as quick. Nulls are
    refused (put an imputer before). With n_iter_no_change training stops when a held-out part gets no better.
    """

    task: ClassVar[Task] = "regression"
    keywords = ("trees", "boosting", "gbm", "ensemble", "quantile")
    reference = "sklearn.ensemble.GradientBoostingRegressor"
    search_space: ClassVar = BOOSTING_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 5, "loss": "quantile", "alpha": 0.8, "init": "zero"},
        {"n_estimators": 5, "loss": "huber", "subsample": 0.7, "max_features": 0.5},
        {"n_estimators": 20, "n_iter_no_change": 2, "validation_fraction": 0.3, "loss": "absolute_error"},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: GradientBoostingRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        model = GradientBoostingRegressor(**config.model_dump())
        return Params(fit_gradient_boosting(model, features, target, weights, node=_NAME))
