"""Gradient boosting by LightGBM, for numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.models._base import PlanApplier
from skyulf_core.models._lightgbm import LIGHTGBM_SPACE, LightgbmConfig, fit_lightgbm
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema
from skyulf_core.serving.ops import Op, Respond

_NAME = "lgbm_regressor"


class LgbmRegressorConfig(LightgbmConfig):
    """Configuration of lgbm_regressor."""

    objective: Literal["regression", "regression_l1", "huber", "fair", "quantile", "poisson", "gamma", "tweedie"] = (
        Field(
            "regression",
            title="Objective",
            description="What training makes small; gamma, tweedie and poisson model the logarithm.",
        )
    )
    alpha: float = Field(
        0.9,
        gt=0,
        lt=1,
        title="Quantile",
        description="The quantile to predict, or the error from which on huber counts linearly.",
        json_schema_extra={"x-visible-if": {"objective": ["quantile", "huber"]}},
    )


class LgbmRegressorApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees, and the exponent where they model the logarithm."""
        answer = Respond("exp") if params.flag("log") else Respond()
        return [tree_op(params, features, link="identity"), answer]


@NodeRegistry.register(_NAME, LgbmRegressorApplier)
class LgbmRegressorCalculator(ModelCalculator[LgbmRegressorConfig]):
    """Boosted trees of LightGBM, for a number: quick on many rows; nulls are allowed.

    Needs the extra `boosting` for training; predictions need numpy only. A null in a column that had none at training
    counts as 0, as LightGBM has it.
    """

    task: ClassVar[Task] = "regression"
    accepts_missing = True
    extra = "boosting"
    keywords = ("trees", "boosting", "lightgbm", "gbm", "ensemble", "quantile")
    reference = "lightgbm.LGBMRegressor"
    search_space: ClassVar = LIGHTGBM_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 5, "num_leaves": 4, "min_child_samples": 3, "objective": "quantile", "alpha": 0.8},
        {"n_estimators": 5, "subsample": 0.7, "subsample_freq": 1, "colsample_bytree": 0.5, "objective": "huber"},
        {"n_estimators": 30, "early_stopping_rounds": 2, "validation_fraction": 0.3, "min_child_samples": 3},
    )

    def check(self, schema: Schema, config: LgbmRegressorConfig) -> list[Problem]:
        """Say where LightGBM is not installed."""
        return extra_problems("lightgbm", extra="boosting")

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: LgbmRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        chosen = config.objective
        learned = fit_lightgbm("LGBMRegressor", chosen, features, target, weights, config=config, node=_NAME)
        return Params(learned, log=chosen in ("poisson", "gamma", "tweedie"))
