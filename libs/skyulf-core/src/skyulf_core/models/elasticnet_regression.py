"""Elastic net: least squares with an L1 and an L2 penalty."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from sklearn.linear_model import ElasticNet

from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor
from skyulf_core.models._penalised import CoordinateDescentConfig
from skyulf_core.nodes.registry import NodeRegistry

_NAME = "elasticnet_regression"


class ElasticNetRegressionConfig(CoordinateDescentConfig):
    """Configuration of elasticnet_regression."""

    l1_ratio: float = Field(
        0.5, ge=0, le=1, title="L1 share", description="1: the L1 penalty only, 0: L2 only (ridge is better at that)."
    )


class ElasticNetRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, ElasticNetRegressionApplier)
class ElasticNetRegressionCalculator(LinearRegressor[ElasticNetRegressionConfig]):
    """Linear regression with L1 and L2 penalties: few columns, and like ones together.

    Features should be of similar scale; nulls are refused (put an imputer before).
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "least squares", "l1", "l2", "sparse")
    reference = "sklearn.linear_model.ElasticNet"
    examples = (
        {},
        {"alpha": 0.1, "l1_ratio": 0.9},
        {"positive": True},
        {"selection": "random", "fit_intercept": False},
    )
    search_space: ClassVar = {
        "alpha": {"low": 1e-4, "high": 100.0, "log": True},
        "l1_ratio": {"low": 0.05, "high": 1.0},
    }

    def estimator(self, config: ElasticNetRegressionConfig) -> LinearEstimator:
        """Return the elastic net."""
        model: LinearEstimator = ElasticNet(**config.model_dump(), copy_X=False)
        return model
