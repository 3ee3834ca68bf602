"""Linear regression: least squares."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from sklearn.linear_model import LinearRegression

from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.registry import NodeRegistry

_NAME = "linear_regression"


class LinearRegressionConfig(NodeConfig):
    """Configuration of linear_regression."""

    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    positive: bool = Field(False, title="Positive", description="Whether coefficients are kept from being negative.")


class LinearRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, LinearRegressionApplier)
class LinearRegressionCalculator(LinearRegressor[LinearRegressionConfig]):
    """Least squares: the line with the smallest sum of squared errors, without any penalty.

    Nulls are refused (put an imputer before). With columns that say the same, or more columns than rows, coefficients
    of the least length are taken; ridge_regression is steadier there.
    """

    node: ClassVar[str] = _NAME
    keywords = ("ols", "least squares", "baseline", "line")
    reference = "sklearn.linear_model.LinearRegression"
    examples = ({}, {"positive": True}, {"fit_intercept": False})
    search_space: ClassVar = {"positive": {"choices": [False, True]}}
    repeats_by_weight = True

    def estimator(self, config: LinearRegressionConfig) -> LinearEstimator:
        """Return least squares."""
        model: LinearEstimator = LinearRegression(**config.model_dump(), copy_X=False)
        return model
