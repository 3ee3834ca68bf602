"""Ridge regression: least squares with an L2 penalty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, model_validator
from pydantic.config import JsonDict
from sklearn.linear_model import Ridge

from skyulf_core.models._base import PlanApplier, fitting, refuse_nulls, to_matrix
from skyulf_core.models._configs import RandomState
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Linear, Op, Respond

_NAME = "ridge_regression"
_ITERATIVE: JsonDict = {"x-visible-if": {"solver": {"not": ["svd", "cholesky"]}}}


class RidgeRegressionConfig(NodeConfig):
    """Configuration of ridge_regression."""

    alpha: float = Field(1.0, ge=0, title="Penalty", description="Strength of the L2 penalty; 0 is least squares.")
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    solver: Literal["auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"] = Field(
        "auto", title="Solver", description="auto chooses by the data; lbfgs is for positive coefficients only."
    )
    max_iter: int | None = Field(
        None,
        ge=1,
        title="Iterations",
        description="Largest number; null: the solver's own.",
        json_schema_extra=_ITERATIVE,
    )
    tol: float = Field(
        1e-4, ge=0, title="Tolerance", description="Precision of iterative solvers.", json_schema_extra=_ITERATIVE
    )
    positive: bool = Field(False, title="Positive", description="Whether coefficients are kept from being negative.")
    random_state: RandomState = Field(0, json_schema_extra={"x-visible-if": {"solver": ["sag", "saga"]}})

    @model_validator(mode="after")
    def _solver_fits(self) -> RidgeRegressionConfig:
        if (self.solver == "lbfgs") != self.positive and self.solver != "auto":
            raise ValueError("positive coefficients and the solver lbfgs go together (or solver auto)")
        return self


class RidgeRegressionApplier(PlanApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the linear operation."""
        coefficients = np.asarray(params.array("coefficients"), np.float64)
        return [Linear(tuple(features), coefficients, np.asarray(params.array("intercepts"), np.float64)), Respond()]


@NodeRegistry.register(_NAME, RidgeRegressionApplier)
class RidgeRegressionCalculator(ModelCalculator[RidgeRegressionConfig]):
    """Linear regression with an L2 penalty.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    task: ClassVar[Task] = "regression"
    keywords = ("linear", "least squares", "l2", "baseline")
    reference = "sklearn.linear_model.Ridge"

    def fit(self, features: pl.DataFrame, target: NDArray[np.generic], config: RidgeRegressionConfig) -> Params:
        """Train; returns coefficients (one row) and the intercept."""
        refuse_nulls(features, _NAME)
        with fitting(_NAME):
            model = Ridge(**config.model_dump(), copy_X=False).fit(to_matrix(features), target)
        return Params(
            coefficients=np.array(model.coef_, np.float64).reshape(1, -1),
            intercepts=np.array([model.intercept_], np.float64).reshape(1),
        )
