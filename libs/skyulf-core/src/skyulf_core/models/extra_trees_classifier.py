"""Extremely randomised trees for classes."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import ExtraTreesClassifier

from skyulf_core.models._forests import FOREST_SPACE, ForestClassifierConfig, TreesApplier, fit_trees
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.class_weights import fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "extra_trees_classifier"


class ExtraTreesClassifierConfig(ForestClassifierConfig):
    """Configuration of extra_trees_classifier."""

    bootstrap: bool = Field(False, title="Resample", description="Whether each tree sees its own sample of the rows.")


class ExtraTreesClassifierApplier(TreesApplier):
    """Predicts with the trees' average."""

    node = _NAME


@NodeRegistry.register(_NAME, ExtraTreesClassifierApplier)
class ExtraTreesClassifierCalculator(ModelCalculator[ExtraTreesClassifierConfig]):
    """Trees that split at random places, for two or more classes: quicker to train than a random forest, and smoother.

    Nulls are allowed. Trees grow with the number of rows where neither depth nor leaves are limited.
    """

    task: ClassVar[Task] = "classification"
    accepts_missing = True
    keywords = ("trees", "extremely randomized", "ensemble", "bagging")
    reference = "sklearn.ensemble.ExtraTreesClassifier"
    search_space: ClassVar = {**FOREST_SPACE, "criterion": {"choices": ["gini", "entropy"]}}
    examples = (
        {"n_estimators": 30},
        {"n_estimators": 5, "max_depth": 3, "criterion": "entropy", "class_weight": "balanced"},
        {"n_estimators": 5, "bootstrap": True, "max_samples": 0.5, "max_features": None},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: ExtraTreesClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays."""
        model = ExtraTreesClassifier(**fields_of(config))
        return fit_trees(model, features, target, weights, node=_NAME, classification=True)
