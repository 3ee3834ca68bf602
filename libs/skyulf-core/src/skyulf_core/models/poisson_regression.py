"""Poisson regression: a linear model of the logarithm of a count."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import PoissonRegressor

from skyulf_core.models._glm import GlmConfig
from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor, refuse_below
from skyulf_core.nodes.registry import NodeRegistry

_NAME = "poisson_regression"


class PoissonRegressionConfig(GlmConfig):
    """Configuration of poisson_regression."""


class PoissonRegressionApplier(LinearApplier):
    """Predicts with the exponent of coefficients and an intercept."""

    node = _NAME


@NodeRegistry.register(_NAME, PoissonRegressionApplier)
class PoissonRegressionCalculator(LinearRegressor[PoissonRegressionConfig]):
    """Regression of counts and rates: linear in the logarithm, so that answers are never negative.

    The target must be 0 or more. Features should be of similar scale; nulls are refused (put an imputer before). For
    counts over unequal times, learn the rate and give the time as weights.
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "glm", "count", "rate", "frequency", "log")
    reference = "sklearn.linear_model.PoissonRegressor"
    examples = ({}, {"solver": "newton-cholesky", "alpha": 0.1}, {"fit_intercept": False})
    sample_target = "price"
    accepts_negative_target = False
    search_space: ClassVar = {"alpha": {"low": 1e-5, "high": 10.0, "log": True}}

    def estimator(self, config: PoissonRegressionConfig) -> LinearEstimator:
        """Return Poisson regression."""
        model: LinearEstimator = PoissonRegressor(**config.model_dump())
        return model

    def models_logarithm(self, config: PoissonRegressionConfig) -> bool:
        """Say that it does."""
        return True

    def refuse_target(self, target: NDArray[np.generic], config: PoissonRegressionConfig) -> None:
        """Refuse a negative target."""
        refuse_below(target, _NAME, zero=True)
