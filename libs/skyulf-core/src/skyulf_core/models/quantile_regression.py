"""Quantile regression: a line that a share of the targets lies below."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import QuantileRegressor

from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError

_NAME = "quantile_regression"


class QuantileRegressionConfig(NodeConfig):
    """Configuration of quantile_regression."""

    quantile: float = Field(
        0.5, gt=0, lt=1, title="Quantile", description="The share of the targets that shall lie below; 0.5: the median."
    )
    alpha: float = Field(1.0, ge=0, title="Penalty", description="Strength of the L1 penalty; 0 is none.")
    fit_intercept: bool = Field(True, title="Intercept", description="Whether a constant is learned.")
    solver: Literal["highs", "highs-ds", "highs-ipm"] = Field(
        "highs", title="Solver", description="HiGHS: its own choice, the dual simplex, or the interior point method."
    )


class QuantileRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, QuantileRegressionApplier)
class QuantileRegressionCalculator(LinearRegressor[QuantileRegressionConfig]):
    """Linear regression of the median, or of another quantile: half (a tenth, …) of the targets lie below the line.

    Features should be of similar scale; nulls are refused (put an imputer before). Solved as a linear program: slow
    above some 10,000 rows; hist_gradient_boosting_regressor with the loss quantile is quicker there.
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "median", "quantile", "interval", "robust", "pinball")
    reference = "sklearn.linear_model.QuantileRegressor"
    examples = ({"alpha": 0.0}, {"quantile": 0.9, "alpha": 0.01}, {"fit_intercept": False, "solver": "highs-ds"})
    search_space: ClassVar = {"alpha": {"low": 1e-5, "high": 1.0, "log": True}}

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: QuantileRegressionConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns coefficients (one row) and the intercept. Raises DataError where HiGHS finds no solution."""
        try:
            return super().fit(features, target, config, weights=weights)
        except TypeError as error:  # scikit-learn reads the solution that is not there
            message = "the linear program has no solution that floats can hold; scale the columns and the target first"
            raise DataError(message, reason="fit-failed", node=_NAME) from error

    def estimator(self, config: QuantileRegressionConfig) -> LinearEstimator:
        """Return quantile regression."""
        model: LinearEstimator = QuantileRegressor(**config.model_dump())
        return model
