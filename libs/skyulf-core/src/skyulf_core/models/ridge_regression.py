"""Ridge regression: least squares with an L2 penalty."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from pydantic.config import JsonDict
from sklearn.linear_model import Ridge

from skyulf_core.models._configs import RandomState
from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.registry import NodeRegistry

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


class RidgeRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, RidgeRegressionApplier)
class RidgeRegressionCalculator(LinearRegressor[RidgeRegressionConfig]):
    """Linear regression with an L2 penalty.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "least squares", "l2", "baseline")
    reference = "sklearn.linear_model.Ridge"
    examples = ({}, {"alpha": 10.0, "solver": "svd"}, {"positive": True}, {"fit_intercept": False})
    search_space: ClassVar = {"alpha": {"low": 1e-3, "high": 1e4, "log": True}}

    def estimator(self, config: RidgeRegressionConfig) -> LinearEstimator:
        """Return ridge regression."""
        model: LinearEstimator = Ridge(**config.model_dump(), copy_X=False)
        return model
