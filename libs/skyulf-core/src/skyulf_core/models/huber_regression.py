"""Huber regression: a line that outliers do not pull."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from sklearn.linear_model import HuberRegressor

from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.registry import NodeRegistry

_NAME = "huber_regression"


class HuberRegressionConfig(NodeConfig):
    """Configuration of huber_regression."""

    epsilon: float = Field(
        1.35, ge=1, title="Epsilon", description="From so many deviations on, errors count linearly; smaller: sturdier."
    )
    max_iter: int = Field(100, ge=1, le=100_000, title="Iterations", description="Largest number of iterations.")
    alpha: float = Field(1e-4, ge=0, title="Penalty", description="Strength of the L2 penalty.")
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    tol: float = Field(1e-5, ge=0, title="Tolerance", description="Stop when the gradient is smaller than this.")


class HuberRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, HuberRegressionApplier)
class HuberRegressionCalculator(LinearRegressor[HuberRegressionConfig]):
    """Linear regression that outliers of the target hardly move: small errors count squared, large ones linearly.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "robust", "outliers")
    reference = "sklearn.linear_model.HuberRegressor"
    examples = ({}, {"epsilon": 1.1, "alpha": 0.1}, {"fit_intercept": False})
    search_space: ClassVar = {
        "epsilon": {"low": 1.05, "high": 3.0},
        "alpha": {"low": 1e-6, "high": 10.0, "log": True},
    }

    def estimator(self, config: HuberRegressionConfig) -> LinearEstimator:
        """Return Huber's regression."""
        model: LinearEstimator = HuberRegressor(**config.model_dump())
        return model
