"""Logistic regression: a linear model of the log odds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.linear_model import LogisticRegression

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, refuse_one_class, to_matrix
from skyulf_core.models._configs import ClassWeight, RandomState
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Linear, Op

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


class LogisticRegressionApplier(PlanApplier):
    """Predicts with coefficients and intercepts."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the linear operation and the decoding of its scores."""
        coefficients = np.asarray(params.array("coefficients"), np.float64)
        intercepts = np.asarray(params.array("intercepts"), np.float64)
        link: Literal["sigmoid", "softmax"] = "sigmoid" if len(intercepts) == 1 else "softmax"
        return [
            Linear(tuple(features), coefficients, intercepts, link),
            Decode(tuple(classes or ()), by="scores"),
        ]


@NodeRegistry.register(_NAME, LogisticRegressionApplier)
class LogisticRegressionCalculator(ModelCalculator[LogisticRegressionConfig]):
    """Logistic regression for two or more classes.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "classification"
    keywords = ("linear", "logit", "baseline")
    reference = "sklearn.linear_model.LogisticRegression"

    def fit(self, features: pl.DataFrame, target: NDArray[np.generic], config: LogisticRegressionConfig) -> Params:
        """Train; returns coefficients (one row, or one per class) and intercepts."""
        refuse_nulls(features, _NAME)
        classes = refuse_one_class(target, _NAME)
        with fitting(_NAME):
            model = LogisticRegression(**config.model_dump()).fit(to_matrix(features), target)
        return Params(
            n_classes=classes,
            n_iter=int(np.max(model.n_iter_)),
            coefficients=np.ascontiguousarray(model.coef_, np.float64),
            intercepts=np.ascontiguousarray(model.intercept_, np.float64).reshape(len(model.coef_)),
        )
