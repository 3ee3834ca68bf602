"""Gradient boosting by XGBoost, for numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.models._xgboost import XGBOOST_SPACE, XgboostApplier, XgboostConfig, fit_xgboost
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema

_NAME = "xgboost_regressor"


class XgboostRegressorConfig(XgboostConfig):
    """Configuration of xgboost_regressor."""

    objective: Literal[
        "reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:gamma", "reg:tweedie", "count:poisson"
    ] = Field(
        "reg:squarederror",
        title="Objective",
        description="What training makes small; gamma, tweedie and poisson model the logarithm.",
    )


class XgboostRegressorApplier(XgboostApplier):
    """Predicts with the sum of the trees."""

    node = _NAME


@NodeRegistry.register(_NAME, XgboostRegressorApplier)
class XgboostRegressorCalculator(ModelCalculator[XgboostRegressorConfig]):
    """Boosted trees of XGBoost, for a number: strong on tables; nulls are allowed.

    Needs the extra `boosting` for training; predictions need numpy only, and are computed in float32 as XGBoost does.
    Its exp is that of the C library, ours is rounded from float64: where the logarithm is modelled, predictions may
    differ in the last bit of float32.
    """

    task: ClassVar[Task] = "regression"
    accepts_missing = True
    extra = "boosting"
    keywords = ("trees", "boosting", "xgb", "gbm", "ensemble")
    reference = "xgboost.XGBRegressor"
    tolerance = 1e-7
    search_space: ClassVar = XGBOOST_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 5, "max_depth": 0, "max_leaves": 6, "grow_policy": "lossguide", "gamma": 0.1},
        {"n_estimators": 5, "tree_method": "exact", "objective": "reg:absoluteerror", "colsample_bytree": 0.5},
        {"n_estimators": 30, "early_stopping_rounds": 2, "validation_fraction": 0.3, "tree_method": "approx"},
    )

    def check(self, schema: Schema, config: XgboostRegressorConfig) -> list[Problem]:
        """Say where XGBoost is not installed."""
        return extra_problems("xgboost", extra="boosting")

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: XgboostRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        chosen = config.objective
        learned = fit_xgboost("XGBRegressor", chosen, features, target, weights, config=config, node=_NAME)
        return Params(learned, log=chosen in ("reg:gamma", "reg:tweedie", "count:poisson"))
