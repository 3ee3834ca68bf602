"""Random forest for numbers: the average of trees grown on resampled rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor

from skyulf_core.models._forests import FOREST_SPACE, ForestRegressorConfig, TreesApplier, fit_trees
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "random_forest_regressor"


class RandomForestRegressorConfig(ForestRegressorConfig):
    """Configuration of random_forest_regressor."""


class RandomForestRegressorApplier(TreesApplier):
    """Predicts with the trees' average."""

    node = _NAME


@NodeRegistry.register(_NAME, RandomForestRegressorApplier)
class RandomForestRegressorCalculator(ModelCalculator[RandomForestRegressorConfig]):
    """Random forest for a number; nulls are allowed.

    It never predicts beyond the targets that it has seen. Without a limit on depth or leaves, trees grow with the
    number of rows: hundreds of megabytes on 300,000 rows.
    """

    task: ClassVar[Task] = "regression"
    accepts_missing = True
    keywords = ("trees", "bagging", "ensemble")
    reference = "sklearn.ensemble.RandomForestRegressor"
    search_space: ClassVar = FOREST_SPACE
    examples = (
        {"n_estimators": 30},
        {"n_estimators": 5, "max_depth": 3, "max_features": "sqrt"},
        {"n_estimators": 5, "bootstrap": False, "max_features": 0.5},
        {"n_estimators": 5, "max_samples": 0.5, "max_leaf_nodes": 6},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: RandomForestRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        model = RandomForestRegressor(**config.model_dump())
        return fit_trees(model, features, target, weights, node=_NAME, classification=False)
