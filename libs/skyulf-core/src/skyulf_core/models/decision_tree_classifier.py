"""One decision tree for classes."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.tree import DecisionTreeClassifier

from skyulf_core.models._forests import TREE_SPACE, ClassCriterion, MaxFeatures, TreeApplier, TreeConfig, fit_trees
from skyulf_core.nodes.base import ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, fields_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params

_NAME = "decision_tree_classifier"


class DecisionTreeClassifierConfig(TreeConfig):
    """Configuration of decision_tree_classifier."""

    splitter: Literal["best", "random"] = Field(
        "best", title="Splitter", description="The best split of all, or the best of random ones."
    )
    criterion: ClassCriterion = "gini"
    max_features: MaxFeatures = None
    class_weight: ClassWeight = None


class DecisionTreeClassifierApplier(TreeApplier):
    """Predicts with one tree."""

    node = _NAME


@NodeRegistry.register(_NAME, DecisionTreeClassifierApplier)
class DecisionTreeClassifierCalculator(ModelCalculator[DecisionTreeClassifierConfig]):
    """One decision tree for two or more classes: easy to read, easily too large; nulls are allowed.

    Without a limit on depth or leaves it learns every row by heart; forests and boosting predict better.
    """

    task: ClassVar[Task] = "classification"
    accepts_missing = True
    keywords = ("tree", "cart", "rules", "interpretable")
    reference = "sklearn.tree.DecisionTreeClassifier"
    search_space: ClassVar = {
        **TREE_SPACE,
        "criterion": {"choices": ["gini", "entropy"]},
        "ccp_alpha": {"low": 1e-5, "high": 0.05, "log": True},
    }
    examples = (
        {},
        {"max_depth": 3, "criterion": "entropy", "class_weight": "balanced"},
        {"splitter": "random", "max_features": "sqrt", "min_samples_leaf": 3},
        {"max_leaf_nodes": 6, "ccp_alpha": 0.01},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: DecisionTreeClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of the tree as arrays."""
        model = DecisionTreeClassifier(**fields_of(config))
        return fit_trees(model, features, target, weights, node=_NAME, classification=True)
