"""Random forest: the average of trees grown on resampled rows."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

from skyulf_core.models._forests import FOREST_SPACE, ForestClassifierConfig, TreesApplier, fit_trees
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.class_weights import fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "random_forest_classifier"


class RandomForestClassifierConfig(ForestClassifierConfig):
    """Configuration of random_forest_classifier."""


class RandomForestClassifierApplier(TreesApplier):
    """Predicts with the trees' average."""

    node = _NAME


@NodeRegistry.register(_NAME, RandomForestClassifierApplier)
class RandomForestClassifierCalculator(ModelCalculator[RandomForestClassifierConfig]):
    """Random forest for two or more classes; nulls are allowed.

    Without a limit on depth or leaves, trees grow with the number of rows: hundreds of megabytes on 300,000 rows.
    """

    task: ClassVar[Task] = "classification"
    accepts_missing = True
    keywords = ("trees", "bagging", "ensemble")
    reference = "sklearn.ensemble.RandomForestClassifier"
    search_space: ClassVar = {**FOREST_SPACE, "criterion": {"choices": ["gini", "entropy"]}}
    examples = (
        {"n_estimators": 30},
        {"n_estimators": 5, "max_depth": 3, "criterion": "entropy", "class_weight": "balanced_subsample"},
        {"n_estimators": 5, "bootstrap": False, "max_features": None},
        {"n_estimators": 5, "max_samples": 0.5, "max_leaf_nodes": 6},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: RandomForestClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        model = RandomForestClassifier(**fields_of(config))
        return fit_trees(model, features, target, weights, node=_NAME, classification=True)
