"""Gradient boosting by XGBoost, for classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.models._base import refuse_one_class
from skyulf_core.models._xgboost import XGBOOST_SPACE, XgboostApplier, XgboostConfig, fit_xgboost
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema

_NAME = "xgboost_classifier"


class XgboostClassifierConfig(XgboostConfig):
    """Configuration of xgboost_classifier."""

    scale_pos_weight: float | None = Field(
        None, gt=0, title="Weight of the second class", description="For two classes: the weight of its rows."
    )
    class_weight: ClassWeight = None

    def of_library(self) -> dict[str, object]:
        """Return the fields that XGBoost's estimator takes: class_weight is in the weights of rows."""
        return {name: value for name, value in super().of_library().items() if name != "class_weight"}


class XgboostClassifierApplier(XgboostApplier):
    """Predicts with the sum of the trees."""

    node = _NAME


@NodeRegistry.register(_NAME, XgboostClassifierApplier)
class XgboostClassifierCalculator(ModelCalculator[XgboostClassifierConfig]):
    """Boosted trees of XGBoost, for two or more classes: strong on tables; nulls are allowed.

    Needs the extra `boosting` for training; predictions need numpy only, and are computed in float32 as XGBoost does.
    Its exp is that of the C library, ours is rounded from float64: probabilities may differ in the last bit of float32.
    """

    task: ClassVar[Task] = "classification"
    accepts_missing = True
    extra = "boosting"
    keywords = ("trees", "boosting", "xgb", "gbm", "ensemble")
    reference = "xgboost.XGBClassifier"
    tolerance = 1e-7
    search_space: ClassVar = XGBOOST_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 5, "max_depth": 0, "max_leaves": 6, "grow_policy": "lossguide", "gamma": 0.1},
        {"n_estimators": 5, "tree_method": "exact", "subsample": 0.7, "colsample_bytree": 0.5, "reg_alpha": 0.1},
        {"n_estimators": 30, "early_stopping_rounds": 2, "validation_fraction": 0.3},
    )

    def check(self, schema: Schema, config: XgboostClassifierConfig) -> list[Problem]:
        """Say where XGBoost is not installed."""
        return extra_problems("xgboost", extra="boosting")

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: XgboostClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        classes = refuse_one_class(target, _NAME)
        objective = "binary:logistic" if classes == 2 else "multi:softprob"
        weights = weighed(target, weights, config.class_weight, _NAME)
        learned = fit_xgboost("XGBClassifier", objective, features, target, weights, config=config, node=_NAME)
        return Params(learned, n_classes=classes)
