"""Lasso: least squares with an L1 penalty."""

from __future__ import annotations

from typing import ClassVar

from sklearn.linear_model import Lasso

from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor
from skyulf_core.models._penalised import CoordinateDescentConfig
from skyulf_core.nodes.registry import NodeRegistry

_NAME = "lasso_regression"


class LassoRegressionConfig(CoordinateDescentConfig):
    """Configuration of lasso_regression."""


class LassoRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, LassoRegressionApplier)
class LassoRegressionCalculator(LinearRegressor[LassoRegressionConfig]):
    """Linear regression with an L1 penalty: coefficients of columns that add little become 0.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "least squares", "l1", "sparse", "selection")
    reference = "sklearn.linear_model.Lasso"
    examples = ({}, {"alpha": 0.01, "positive": True}, {"selection": "random"}, {"fit_intercept": False})
    search_space: ClassVar = {"alpha": {"low": 1e-4, "high": 100.0, "log": True}}

    def estimator(self, config: LassoRegressionConfig) -> LinearEstimator:
        """Return the lasso."""
        model: LinearEstimator = Lasso(**config.model_dump(), copy_X=False)
        return model
