"""Extremely randomised trees for numbers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import ExtraTreesRegressor

from skyulf_core.models._forests import FOREST_SPACE, ForestRegressorConfig, TreesApplier, fit_trees
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "extra_trees_regressor"


class ExtraTreesRegressorConfig(ForestRegressorConfig):
    """Configuration of extra_trees_regressor."""

    bootstrap: bool = Field(False, title="Resample", description="Whether each tree sees its own sample of the rows.")


class ExtraTreesRegressorApplier(TreesApplier):
    """Predicts with the trees' average."""

    node = _NAME


@NodeRegistry.register(_NAME, ExtraTreesRegressorApplier)
class ExtraTreesRegressorCalculator(ModelCalculator[ExtraTreesRegressorConfig]):
    """Trees that split at random places, for a number: quicker to train than a random forest, and smoother.

    Nulls are allowed. Trees grow with the number of rows where neither depth nor leaves are limited.
    """

    task: ClassVar[Task] = "regression"
    accepts_missing = True
    keywords = ("trees", "extremely randomized", "ensemble", "bagging")
    reference = "sklearn.ensemble.ExtraTreesRegressor"
    search_space: ClassVar = FOREST_SPACE
    examples = (
        {"n_estimators": 30},
        {"n_estimators": 5, "max_depth": 3, "max_features": "sqrt"},
        {"n_estimators": 5, "bootstrap": True, "max_samples": 0.5},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: ExtraTreesRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        model = ExtraTreesRegressor(**config.model_dump())
        return fit_trees(model, features, target, weights, node=_NAME, classification=False)
