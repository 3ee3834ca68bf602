"""Gradient boosting by LightGBM, for classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._base import PlanApplier, refuse_one_class
from skyulf_core.models._lightgbm import LIGHTGBM_SPACE, LightgbmConfig, fit_lightgbm
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, fields_of
from skyulf_core.nodes.extras import extra_problems
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import Schema
from skyulf_core.serving.ops import Decode, Op

_NAME = "lgbm_classifier"


class LgbmClassifierConfig(LightgbmConfig):
    """Configuration of lgbm_classifier."""

    class_weight: ClassWeight = None

    def of_library(self) -> dict[str, object]:
        """Return the fields that LightGBM's estimator takes."""
        return {**super().of_library(), "class_weight": fields_of(self)["class_weight"]}


class LgbmClassifierApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the decoding of their sums."""
        link: Literal["sigmoid", "softmax"] = "sigmoid" if len(params.array("baseline")) == 1 else "softmax"
        return [tree_op(params, features, link=link), Decode(tuple(classes or ()))]


@NodeRegistry.register(_NAME, LgbmClassifierApplier)
class LgbmClassifierCalculator(ModelCalculator[LgbmClassifierConfig]):
    """Boosted trees of LightGBM, for two or more classes: quick on many rows; nulls are allowed.

    Needs the extra `boosting` for training; predictions need numpy only. A null in a column that had none at training
    counts as 0, as LightGBM has it.
    """

    task: ClassVar[Task] = "classification"
    accepts_missing = True
    extra = "boosting"
    keywords = ("trees", "boosting", "lightgbm", "gbm", "ensemble")
    reference = "lightgbm.LGBMClassifier"
    search_space: ClassVar = LIGHTGBM_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 5, "num_leaves": 4, "min_child_samples": 3, "class_weight": "balanced", "max_depth": 2},
        {"n_estimators": 5, "subsample": 0.7, "subsample_freq": 1, "colsample_bytree": 0.5, "reg_alpha": 0.1},
        {"n_estimators": 30, "early_stopping_rounds": 2, "validation_fraction": 0.3, "min_child_samples": 3},
    )

    def check(self, schema: Schema, config: LgbmClassifierConfig) -> list[Problem]:
        """Say where LightGBM is not installed."""
        return extra_problems("lightgbm", extra="boosting")

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: LgbmClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        classes = refuse_one_class(target, _NAME)
        objective = "binary" if classes == 2 else "multiclass"
        learned = fit_lightgbm("LGBMClassifier", objective, features, target, weights, config=config, node=_NAME)
        return Params(learned, n_classes=classes)
