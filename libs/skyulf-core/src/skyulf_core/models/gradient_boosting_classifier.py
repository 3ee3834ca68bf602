"""Gradient boosting by exact splits, for classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import GradientBoostingClassifier

from skyulf_core.models._base import PlanApplier, refuse_one_class
from skyulf_core.models._boosting import BOOSTING_SPACE, GradientBoostingConfig, fit_gradient_boosting
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Decode, Op

_NAME = "gradient_boosting_classifier"


class GradientBoostingClassifierConfig(GradientBoostingConfig):
    """Configuration of gradient_boosting_classifier."""

    loss: Literal["log_loss", "exponential"] = Field(
        "log_loss", title="Loss", description="What training makes small; exponential is for two classes only."
    )
    class_weight: ClassWeight = None


class GradientBoostingClassifierApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the decoding of their sums."""
        link: Literal["sigmoid", "softmax"] = "sigmoid" if len(params.array("baseline")) == 1 else "softmax"
        trees = tree_op(params, features, link=link, nulls="refuse")
        return [trees, Decode(tuple(classes or ()), by="scores", tie="second")]


@NodeRegistry.register(_NAME, GradientBoostingClassifierApplier)
class GradientBoostingClassifierCalculator(ModelCalculator[GradientBoostingClassifierConfig]):
    """Boosted trees with exact splits, for two or more classes: best on small tables.

    On more than some ten thousand rows hist_gradient_boosting_classifier is as good and many times as quick. Nulls are
    refused (put an imputer before). With n_iter_no_change training stops when a held-out part gets no better.
    """

    task: ClassVar[Task] = "classification"
    decides = True
    keywords = ("trees", "boosting", "gbm", "ensemble")
    reference = "sklearn.ensemble.GradientBoostingClassifier"
    search_space: ClassVar = BOOSTING_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 5, "init": "zero", "subsample": 0.7, "max_features": "sqrt", "max_leaf_nodes": 4},
        {"n_estimators": 20, "n_iter_no_change": 2, "validation_fraction": 0.3, "learning_rate": 0.5},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: GradientBoostingClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays. Raises DataError for exponential on several classes."""
        classes = refuse_one_class(target, _NAME)
        if config.loss == "exponential" and classes > 2:
            message = f"the loss exponential is for two classes, and the target has {classes}; choose log_loss"
            raise DataError(message, reason="loss-needs-two-classes", node=_NAME)
        model = GradientBoostingClassifier(**config.model_dump(exclude={"class_weight"}))
        # the probability of the exponential loss is the logistic function of twice the score
        scale = 2.0 if config.loss == "exponential" else 1.0
        weights = weighed(target, weights, config.class_weight, _NAME)
        learned = fit_gradient_boosting(model, features, target, weights, node=_NAME, scale=scale)
        return Params(learned, n_classes=classes)
