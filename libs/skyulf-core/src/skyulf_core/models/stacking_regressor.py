"""A regression that learns from what others say."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, field_validator

from skyulf_core.models._ensembles import MadeOfModels
from skyulf_core.models._learners import Learner, check_task
from skyulf_core.models._members import Weights
from skyulf_core.models._stacking import StackingApplier, StackingConfig, stacked
from skyulf_core.nodes.base import Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "stacking_regressor"


class StackingRegressorConfig(StackingConfig):
    """Configuration of stacking_regressor."""

    learns: ClassVar[Task] = "regression"

    final_estimator: Learner = Field(
        default_factory=lambda: Learner(node="ridge_regression"),
        title="Last model",
        description="Learns from the answers of the others; ridge_regression where none is named.",
    )

    @field_validator("final_estimator")
    @classmethod
    def _predicts_numbers(cls, value: Learner) -> Learner:
        check_task([value], "regression")
        return value


class StackingRegressorApplier(StackingApplier):
    """Predicts with the last model."""

    node = _NAME


@NodeRegistry.register(_NAME, StackingRegressorApplier)
class StackingRegressorCalculator(MadeOfModels[StackingRegressorConfig]):
    """A last regression that learns from the answers of others for rows that these did not see.

    The models are trained on all rows; what the last one learns from comes from models of the other folds. Nulls and
    weights of rows are taken where every model takes them. `estimators.0.config.<parameter>` and
    `final_estimator.config.<parameter>` are what tuning calls the parameters of the models; where nobody
    says otherwise it searches what each of the first ones would. Where no last model is
    named it is ridge_regression, not scikit-learn's RidgeCV.
    """

    task: ClassVar[Task] = "regression"
    keywords = ("ensemble", "stack", "blend", "meta model")
    reference = "sklearn.ensemble.StackingRegressor"
    search_space: ClassVar[dict[str, dict[str, JsonValue]]] = {"passthrough": {"choices": [False, True]}}
    examples = (
        {
            "estimators": [
                {"name": "line", "node": "ridge_regression"},
                {"name": "near", "node": "k_neighbors_regressor"},
            ],
            "cv": 2,
        },
        {
            "estimators": [
                {"name": "few", "node": "hist_gradient_boosting_regressor", "config": {"max_iter": 2}},
                {"name": "more", "node": "hist_gradient_boosting_regressor", "config": {"max_iter": 3}},
            ],
            "final_estimator": {"node": "hist_gradient_boosting_regressor", "config": {"max_iter": 2}},
            "passthrough": True,
            "cv": 2,
        },
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: StackingRegressorConfig,
        *,
        weights: Weights = None,
    ) -> Params:
        """Train every model, and the last one. Raises DataError."""
        return stacked(features, target, config, weights, node=_NAME)
