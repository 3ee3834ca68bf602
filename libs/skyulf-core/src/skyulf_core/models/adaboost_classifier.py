"""AdaBoost for classes: trees that look at what the trees before got wrong, and vote by how right they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from skyulf_core.models._base import PlanApplier, refuse_one_class
from skyulf_core.models._boosting import ADABOOST_SPACE, AdaBoostConfig, fit_adaboost
from skyulf_core.models._trees import tree_op
from skyulf_core.nodes.base import Label, ModelCalculator, Task
from skyulf_core.nodes.class_weights import ClassWeight, weighed
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.serving.ops import Decode, Op

_NAME = "adaboost_classifier"


class AdaBoostClassifierConfig(AdaBoostConfig):
    """Configuration of adaboost_classifier."""

    max_depth: int | None = Field(1, ge=1, title="Depth", description="Largest depth of a tree; null: no limit.")
    class_weight: ClassWeight = None


class AdaBoostClassifierApplier(PlanApplier):
    """Predicts with the votes of the trees."""

    node = _NAME

    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the trees and the decoding of their votes."""
        link: Literal["sigmoid", "softmax"] = "sigmoid" if len(params.array("baseline")) == 1 else "softmax"
        trees = tree_op(params, features, combine="average", link=link, nulls="refuse")
        return [trees, Decode(tuple(classes or ()), by="scores")]


@NodeRegistry.register(_NAME, AdaBoostClassifierApplier)
class AdaBoostClassifierCalculator(ModelCalculator[AdaBoostClassifierConfig]):
    """Small trees (of depth 1 if nothing else is said), each trained on the rows that those before got wrong.

    SAMME for two or more classes. Nulls are refused (put an imputer before). Probabilities come from votes and are
    drawn to the middle: put the model into a calibrated_classifier where they matter.
    """

    task: ClassVar[Task] = "classification"
    keywords = ("trees", "boosting", "samme", "stumps", "ensemble")
    reference = "sklearn.ensemble.AdaBoostClassifier"
    search_space: ClassVar = ADABOOST_SPACE
    examples = (
        {"n_estimators": 10},
        {"n_estimators": 30, "learning_rate": 0.5},
        {"n_estimators": 5, "max_depth": 3, "min_samples_leaf": 3},
    )

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic],
        config: AdaBoostClassifierConfig,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; returns the nodes of all trees as arrays, leaves as votes."""
        classes = refuse_one_class(target, _NAME)
        tree = DecisionTreeClassifier(max_depth=config.max_depth, min_samples_leaf=config.min_samples_leaf)
        chosen = config.model_dump(include={"n_estimators", "learning_rate", "random_state"})
        model = AdaBoostClassifier(tree, **chosen)
        weights = weighed(target, weights, config.class_weight, _NAME)
        return votes_params(model, fit_adaboost(model, features, target, weights, node=_NAME), classes)


def votes_params(model: AdaBoostClassifier, params: Params, classes: int) -> Params:
    """Return the trees of a fitted model with votes as their leaves."""
    votes = model.estimator_weights_[: len(model.estimators_)]
    total = float(model.estimator_weights_.sum())
    return Params({**params, **_votes(params, votes, classes)}, n_classes=classes, divisor=total * (classes - 1))


def _votes(params: Params, votes: NDArray[np.float64], classes: int) -> dict[str, object]:
    """Return leaves that hold a vote for each class, or for two classes one: above 0 for the second.

    A tree's vote counts for its class, and with its share of the other classes against each of those.
    """
    shares = np.asarray(params.array("values"), np.float64)
    leaves = np.flatnonzero(np.asarray(params.array("feature"), np.int64) < 0)
    tree = np.searchsorted(np.asarray(params.array("roots"), np.int64), leaves, side="right") - 1
    weight = votes[tree]
    winner = np.argmax(shares, axis=1)
    if classes == 2:
        # the probability is the logistic function of twice the share of the votes
        values = np.where(winner == 1, 2.0 * weight, -2.0 * weight).reshape(-1, 1)
    else:
        values = np.repeat((-1.0 / (classes - 1) * weight).reshape(-1, 1), classes, axis=1)
        values[np.arange(len(winner)), winner] = weight
    outputs = values.shape[1]
    output = np.full(len(votes), 0 if outputs == 1 else -1, np.int32)
    return {"values": values, "tree_output": output, "baseline": np.zeros(outputs)}
