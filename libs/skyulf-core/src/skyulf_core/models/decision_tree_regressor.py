"""One decision tree for numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.tree import DecisionTreeRegressor

from skyulf_core.models._forests import TREE_SPACE, MaxFeatures, NumberCriterion, TreeApplier, TreeConfig, fit_trees
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "decision_tree_regressor"


class DecisionTreeRegressorConfig(TreeConfig):
    """Configuration of decision_tree_regressor."""

    splitter: Literal["best", "random"] = Field(
        "best", title="Splitter", description="The best split of all, or the best of random ones."
    )
    criterion: NumberCriterion = "squared_error"
    max_features: MaxFeatures = None


class DecisionTreeRegressorApplier(TreeApplier):
    """Predicts with one tree."""

    node = _NAME


@NodeRegistry.register(_NAME, DecisionTreeRegressorApplier)
class DecisionTreeRegressorCalculator(ModelCalculator[DecisionTreeRegressorConfig]):
    """One decision tree for a number: easy to read, easily too large; nulls are allowed.

    Without a limit on depth or leaves it learns every row by heart; forests and boosting predict better.
    """

    task: ClassVar[Task] = "regression"
    accepts_missing = True
    keywords = ("tree", "cart", "rules", "interpretable")
    reference = "sklearn.tree.DecisionTreeRegressor"
    search_space: ClassVar = {
        **TREE_SPACE,
        "max_features": {"choices": ["sqrt", 0.5, 1.0]},
    }
    examples = (
        {},
        {"max_depth": 3, "min_samples_leaf": 3},
        {"splitter": "random", "max_features": "sqrt"},
        {"max_leaf_nodes": 6, "ccp_alpha": 0.01},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: DecisionTreeRegressorConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of the tree as arrays."""
        model = DecisionTreeRegressor(**config.model_dump())
        return fit_trees(model, features, target, weights, node=_NAME, classification=False)
