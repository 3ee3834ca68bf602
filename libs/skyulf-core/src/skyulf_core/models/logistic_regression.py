"""Logistic regression: a linear model of the log odds."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.linear_model import LogisticRegression

from skyulf_core.models._base import fitting, refuse_nulls, refuse_one_class, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.models._linear import LinearClassifierApplier, classifier_params
from skyulf_core.nodes.base import ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.class_weights import ClassWeight, fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "logistic_regression"


class LogisticRegressionConfig(NodeConfig):
    """Configuration of logistic_regression."""

    C: float = Field(
        1.0, gt=0, title="Inverse penalty", description="Inverse strength of the penalty; smaller is stronger."
    )
    l1_ratio: float = Field(
        0.0,
        ge=0,
        le=1,
        title="L1 share",
        description="0: L2 penalty, 1: L1, between: both (with saga).",
        json_schema_extra={"x-visible-if": {"solver": ["liblinear", "saga"]}},
    )
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    solver: Literal["lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"] = Field(
        "lbfgs",
        title="Solver",
        description="newton-cholesky is the fastest for many rows and few features, liblinear knows two classes only.",
    )
    tol: float = Field(1e-4, gt=0, title="Tolerance", description="Stop when the gradient is smaller than this.")
    max_iter: int = Field(100, ge=1, le=100_000, title="Iterations", description="Largest number of iterations.")
    class_weight: ClassWeight = None
    random_state: RandomState = Field(0, json_schema_extra={"x-visible-if": {"solver": ["liblinear", "sag", "saga"]}})

    @model_validator(mode="after")
    def _solver_knows_the_penalty(self) -> LogisticRegressionConfig:
        if self.l1_ratio and self.solver != "saga" and not (self.solver == "liblinear" and self.l1_ratio == 1):
            raise ValueError(f"l1_ratio {self.l1_ratio} needs the solver saga, not {self.solver}")
        return self


class LogisticRegressionApplier(LinearClassifierApplier):
    """Predicts with coefficients and intercepts."""

    node = _NAME


@NodeRegistry.register(_NAME, LogisticRegressionApplier)
class LogisticRegressionCalculator(ModelCalculator[LogisticRegressionConfig]):
    """Logistic regression for two or more classes.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "classification"
    decides = True
    keywords = ("linear", "logit", "baseline")
    reference = "sklearn.linear_model.LogisticRegression"
    examples = ({}, {"C": 0.1, "solver": "newton-cholesky"}, {"solver": "saga", "l1_ratio": 0.5, "max_iter": 20})
    search_space: ClassVar = {
        "C": {"low": 1e-4, "high": 1e3, "log": True},
        "class_weight": {"choices": [None, "balanced"]},
    }

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: LogisticRegressionConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns coefficients (one row, or one per class) and intercepts."""
        refuse_nulls(features, _NAME)
        classes = refuse_one_class(target, _NAME)
        with fitting(_NAME):
            model = LogisticRegression(**fields_of(config))
            model.fit(to_matrix(features), target, sample_weight=weights)
        return classifier_params(
            model.coef_,
            model.intercept_,
            link="sigmoid" if len(model.coef_) == 1 else "softmax",
            classes=classes,
            node=_NAME,
            n_iter=int(np.max(model.n_iter_)),
        )
