"""Histogram gradient boosting for classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.models._base import PlanApplier, fitting, refuse_one_class, to_binnable_matrix
from skyulf_core.models._binning import BinnedClassifier, fit_binned
from skyulf_core.models._configs import BOOSTING_SPACE, BoostingConfig
from skyulf_core.models._trees import boosting_arrays, tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op

_NAME = "hist_gradient_boosting_classifier"


class HistGradientBoostingClassifierConfig(BoostingConfig):
    """Configuration of hist_gradient_boosting_classifier."""

    class_weight: ClassWeight = None


class HistGradientBoostingClassifierApplier(PlanApplier):
    """Predicts with the sum of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the decoding of their sums."""
        outputs = len(params.array("baseline"))
        link = tree_op(params, features, link="sigmoid" if outputs == 1 else "softmax")
        return [link, Decode(tuple(classes or ()), by="scores")]


@NodeRegistry.register(_NAME, HistGradientBoostingClassifierApplier)
class HistGradientBoostingClassifierCalculator(ModelCalculator[HistGradientBoostingClassifierConfig]):
    """Boosted trees for two or more classes: strong on tables, quick on many rows; nulls are allowed."""

    task: ClassVar[Task] = "classification"
    decides = True
    accepts_missing = True
    keywords = ("trees", "boosting", "gbm", "ensemble")
    reference = "sklearn.ensemble.HistGradientBoostingClassifier"
    examples = (
        {"max_iter": 10}, {"max_iter": 10, "max_leaf_nodes": 4, "class_weight": "balanced", "max_features": 0.5},
        {"max_iter": 20, "early_stopping": True, "n_iter_no_change": 2},
    )  # fmt: skip
    search_space = BOOSTING_SPACE

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: HistGradientBoostingClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        classes = refuse_one_class(target, _NAME)
        with fitting(_NAME):
            model = BinnedClassifier(**fields_of(config), categorical_features=None)
            fit_binned(model, features, to_binnable_matrix(features), target, weights, config)
        nodes = [[predictor.nodes for predictor in iteration] for iteration in model._predictors]
        return Params(boosting_arrays(nodes, model._baseline_prediction), n_classes=classes, n_iter=int(model.n_iter_))
