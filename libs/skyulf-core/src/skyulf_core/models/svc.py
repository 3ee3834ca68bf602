"""A support vector machine for classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.calibration import CalibratedClassifierCV
from sklearn.svm import SVC

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, refuse_one_class, to_matrix
from skyulf_core.models._calibration import calibration_arrays, calibration_op, refuse_rare_classes
from skyulf_core.models._svm import SEARCH_SPACE, SvmConfig, machine_op, machine_params
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Decode, Op

_NAME = "svc"
_MOST_CLASSES = 200


class SvcConfig(SvmConfig):
    """Configuration of svc."""

    class_weight: ClassWeight = None
    break_ties: bool = Field(
        False,
        title="Break ties",
        description="Of classes with the same votes the one with the larger scores wins, else the first.",
    )
    probability: bool = Field(
        False,
        title="Probabilities",
        description="Whether probabilities are learned too, on rows that a model did not see: cv more fits.",
    )
    cv: int = Field(
        5,
        ge=2,
        le=100,
        title="Folds",
        description="Folds that probabilities are learned on.",
        json_schema_extra={"x-visible-if": {"probability": True}},
    )


class SvcApplier(PlanApplier):
    """Predicts with the kernels of the support vectors."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the kernel machine, the calibration of its scores, and the class with most votes."""
        calibrated = [calibration_op(params)] if params.flag("probability") else []
        decode = Decode(tuple(classes or ()), by="scores" if params.flag("break_ties") else "votes")
        return [machine_op(params, features), *calibrated, decode]


@NodeRegistry.register(_NAME, SvcApplier)
class SvcCalculator(ModelCalculator[SvcConfig]):
    """Support vector machine for two or more classes: the widest gap between them, bent as its kernel.

    Features should be of similar scale; nulls are refused (put an imputer before). Training time grows with the square
    of the rows; the support vectors are kept in the model. Several classes: each pair votes, the most votes win.
    `probability` calibrates the scores of each class against the rest by a sigmoid on rows of other folds, as
    scikit-learn's `CalibratedClassifierCV(SVC(), ensemble=False)`, which replaces its `probability=True` (deprecated
    in 1.9, gone in 1.11); the class is the one of the votes, whatever the probabilities.
    """

    task: ClassVar[Task] = "classification"
    decides = True
    keywords = ("support vector machine", "svm", "kernel", "rbf")
    reference = "sklearn.svm.SVC"
    search_space = SEARCH_SPACE
    examples = (
        {},
        {"kernel": "linear", "C": 0.1, "probability": True, "cv": 3, "max_iter": 1000},
        {"kernel": "poly", "degree": 2, "gamma": "auto", "break_ties": True, "max_iter": 100},
        {"kernel": "sigmoid", "gamma": 0.01, "class_weight": "balanced"},
    )

    def gives_probabilities(self, config: SvcConfig) -> bool:
        """Say whether they are asked for."""
        return config.probability

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: SvcConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the support vectors, their coefficients, the intercepts of pairs and the calibration."""
        refuse_nulls(features, _NAME)
        classes = refuse_one_class(target, _NAME)
        if classes > _MOST_CLASSES:
            message = f"it learns every pair of {classes} classes; {_MOST_CLASSES} are the most, choose another model"
            raise DataError(message, reason="too-many-classes", node=_NAME)
        model = SVC(**fields_of(config, exclude={"probability", "cv"}))
        more: dict[str, object] = {}
        if config.probability:
            refuse_rare_classes(target, config.cv, _NAME)
        with fitting(_NAME):
            if config.probability:
                cross = CalibratedClassifierCV(model, cv=config.cv, ensemble=False)
                cross.fit(to_matrix(features), target, sample_weight=weights)
                fitted = cross.calibrated_classifiers_[0]
                model = fitted.estimator
                more = calibration_arrays(fitted.calibrators, classes, method="sigmoid", source="scores")
            else:
                model.fit(to_matrix(features), target, sample_weight=weights)
        params = machine_params(model, config, _NAME, classes=classes)
        return Params(params, **more, break_ties=config.break_ties, probability=config.probability)
