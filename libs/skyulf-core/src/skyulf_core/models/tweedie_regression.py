"""Tweedie regression: from normal over Poisson and gamma to inverse Gaussian, by one number."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.linear_model import TweedieRegressor

from skyulf_core.models._glm import GlmConfig
from skyulf_core.models._linear import LinearApplier, LinearEstimator, LinearRegressor, refuse_below
from skyulf_core.nodes.registry import NodeRegistry

_NAME = "tweedie_regression"


class TweedieRegressionConfig(GlmConfig):
    """Configuration of tweedie_regression."""

    power: float = Field(
        0.0,
        ge=-100,
        le=100,
        title="Power",
        description="0: normal, 1: Poisson, 1 to 2: sums of claims (0 and above), 2: gamma, 3: inverse Gaussian.",
    )
    link: Literal["auto", "identity", "log"] = Field(
        "auto", title="Link", description="What is linear: the answer or its logarithm; auto: log for powers above 0."
    )

    @model_validator(mode="after")
    def _power_has_a_distribution(self) -> TweedieRegressionConfig:
        if 0 < self.power < 1:
            raise ValueError("there is no distribution for a power between 0 and 1")
        return self


class TweedieRegressionApplier(LinearApplier):
    """Predicts with coefficients and an intercept, or the exponent of it."""

    node = _NAME


@NodeRegistry.register(_NAME, TweedieRegressionApplier)
class TweedieRegressionCalculator(LinearRegressor[TweedieRegressionConfig]):
    """Regression for targets whose spread grows with their size, as amounts of claims, sales or rain.

    With a power of 1 to below 2 the target must be 0 or more, from 2 on above 0. Features should be of similar scale;
    nulls are refused (put an imputer before).
    """

    node: ClassVar[str] = _NAME
    keywords = ("linear", "glm", "gamma", "insurance", "claims", "log")
    reference = "sklearn.linear_model.TweedieRegressor"
    examples = (
        {}, {"power": 1.5}, {"power": 2.0, "solver": "newton-cholesky"}, {"power": 0.0, "link": "log"},
        {"power": 3.0, "alpha": 0.1, "fit_intercept": False},
    )  # fmt: skip
    sample_target = "price"
    search_space: ClassVar = {
        "power": {"low": 1.0, "high": 1.9},
        "alpha": {"low": 1e-5, "high": 10.0, "log": True},
    }

    def estimator(self, config: TweedieRegressionConfig) -> LinearEstimator:
        """Return Tweedie regression."""
        model: LinearEstimator = TweedieRegressor(**config.model_dump())
        return model

    def models_logarithm(self, config: TweedieRegressionConfig) -> bool:
        """Say whether it does: by the link, or by the power."""
        return config.link == "log" or (config.link == "auto" and config.power > 0)

    def refuse_target(self, target: NDArray[np.generic], config: TweedieRegressionConfig) -> None:
        """Refuse a target that the distribution does not have."""
        if config.power >= 1:
            refuse_below(target, _NAME, zero=config.power < 2)
