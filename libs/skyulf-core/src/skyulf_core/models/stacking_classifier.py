"""A classifier that learns from what others say."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, field_validator

from skyulf_core.models._base import refuse_one_class
from skyulf_core.models._ensembles import Calibration, MadeOfModels
from skyulf_core.models._learners import Learner, check_task
from skyulf_core.models._members import Weights
from skyulf_core.models._stacking import StackingApplier, StackingConfig, stacked
from skyulf_core.nodes.base import Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "stacking_classifier"


class StackingClassifierConfig(StackingConfig):
    """Configuration of stacking_classifier."""

    learns: ClassVar[Task] = "classification"

    final_estimator: Learner = Field(
        default_factory=lambda: Learner(node="logistic_regression"),
        title="Last model",
        description="Learns from the answers of the others; logistic_regression where none is named.",
    )
    stack_method: Literal["auto", "predict_proba", "decision_function", "predict"] = Field(
        "auto",
        title="Answers",
        description="What the last model sees; auto: probabilities, else the decision function, else the class.",
    )
    calibration: Calibration = None
    class_weight: ClassWeight = None

    @field_validator("final_estimator")
    @classmethod
    def _classifies(cls, value: Learner) -> Learner:
        check_task([value], "classification")
        return value


class StackingClassifierApplier(StackingApplier):
    """Predicts with the last model."""

    node = _NAME


@NodeRegistry.register(_NAME, StackingClassifierApplier)
class StackingClassifierCalculator(MadeOfModels[StackingClassifierConfig]):
    """A last classifier that learns from the answers of others for rows that these did not see.

    The models are trained on all rows; what the last one learns from comes from models of the other folds. Nulls and
    weights of rows are taken where every model takes them. `estimators.0.config.<parameter>` and
    `final_estimator.config.<parameter>` are what tuning calls the parameters of the models; where nobody
    says otherwise it searches what each of the first ones would.
    """

    task: ClassVar[Task] = "classification"
    keywords = ("ensemble", "stack", "blend", "meta model")
    reference = "sklearn.ensemble.StackingClassifier"
    search_space: ClassVar[dict[str, dict[str, JsonValue]]] = {"passthrough": {"choices": [False, True]}}
    examples = (
        {
            "estimators": [
                {"name": "line", "node": "logistic_regression", "config": {"max_iter": 20}},
                {"name": "near", "node": "k_neighbors_classifier"},
            ],
            "cv": 2,
        },
        {
            "estimators": [
                {"name": "few", "node": "hist_gradient_boosting_classifier", "config": {"max_iter": 2}},
                {"name": "more", "node": "hist_gradient_boosting_classifier", "config": {"max_iter": 3}},
            ],
            "final_estimator": {"node": "hist_gradient_boosting_classifier", "config": {"max_iter": 2}},
            "passthrough": True,
            "calibration": "sigmoid",
            "cv": 2,
        },
        {
            "estimators": [
                {"name": "gap", "node": "svc"},
                {"name": "line", "node": "logistic_regression", "config": {"max_iter": 20}},
            ],
            "stack_method": "decision_function",
            "final_estimator": {"node": "k_neighbors_classifier"},
            "cv": 2,
        },
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: StackingClassifierConfig,
        *,
        weights: Weights = None,
    ) -> Params:
        """Train every model, and the last one. Raises DataError, also for a class of one row."""
        classes = refuse_one_class(target, _NAME)
        weights = weighed(target, weights, config.class_weight, _NAME)
        return stacked(features, target, config, weights, node=_NAME, classes=classes)
