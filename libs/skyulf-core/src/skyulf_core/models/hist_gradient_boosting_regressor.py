"""Histogram gradient boosting for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator

from skyulf_core.models._base import PlanApplier, fitting, to_binnable_matrix
from skyulf_core.models._binning import BinnedRegressor, fit_binned
from skyulf_core.models._configs import BOOSTING_SPACE, BoostingConfig
from skyulf_core.models._trees import boosting_arrays, tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Op, Respond

_NAME = "hist_gradient_boosting_regressor"


class HistGradientBoostingRegressorConfig(BoostingConfig):
    """Configuration of hist_gradient_boosting_regressor."""

    loss: Literal["squared_error", "absolute_error", "gamma", "poisson", "quantile"] = Field(
        "squared_error", title="Loss", description="What training makes small; gamma and poisson model the logarithm."
    )
    quantile: float | None = Field(
        None,
        ge=0,
        le=1,
        title="Quantile",
        description="Which quantile to predict, for the loss quantile.",
        json_schema_extra={"x-visible-if": {"loss": "quantile"}},
    )

    @model_validator(mode="after")
    def _quantile_with_its_loss(self) -> HistGradientBoostingRegressorConfig:
        if (self.loss == "quantile") != (self.quantile is not None):
            raise ValueError("quantile and the loss quantile go together")
        return self


class HistGradientBoostingRegressorApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees, and the exponent where they model the logarithm."""
        answer = Respond("exp") if params.flag("log") else Respond()
        return [tree_op(params, features, link="identity"), answer]


@NodeRegistry.register(_NAME, HistGradientBoostingRegressorApplier)
class HistGradientBoostingRegressorCalculator(ModelCalculator[HistGradientBoostingRegressorConfig]):
    """Boosted trees for a number: strong on tables, quick on many rows; nulls are allowed."""

    task: ClassVar[Task] = "regression"
    accepts_missing = True
    keywords = ("trees", "boosting", "gbm", "ensemble")
    reference = "sklearn.ensemble.HistGradientBoostingRegressor"
    examples = (
        {"max_iter": 10}, {"max_iter": 10, "loss": "poisson", "l2_regularization": 1.0},
        {"max_iter": 10, "loss": "gamma"}, {"max_iter": 10, "loss": "quantile", "quantile": 0.9},
        {"max_iter": 10, "loss": "absolute_error"},
    )  # fmt: skip
    sample_target = "price"
    search_space = BOOSTING_SPACE

    def weights_of_one_differ(self, config: HistGradientBoostingRegressorConfig) -> bool:
        """Say that medians and quantiles of weighted rows are rows themselves, and lie between two without weights."""
        return config.loss in ("quantile", "absolute_error")

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: HistGradientBoostingRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        with fitting(_NAME):
            model = BinnedRegressor(**config.model_dump(), categorical_features=None)
            fit_binned(model, features, to_binnable_matrix(features), target, weights, config)
        nodes = [[predictor.nodes for predictor in iteration] for iteration in model._predictors]
        arrays = boosting_arrays(nodes, model._baseline_prediction)
        return Params(arrays, log=config.loss in ("gamma", "poisson"), n_iter=int(model.n_iter_))
