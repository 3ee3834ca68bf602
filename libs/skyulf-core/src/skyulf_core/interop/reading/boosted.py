"""AdaBoost: small trees and what each of them counts."""

from __future__ import annotations

import numpy as np

from skyulf_core.interop.reading.line import Settings, Step
from skyulf_core.interop.reading.models import ReadModel, read_model
from skyulf_core.models._boosting import adaboost_params
from skyulf_core.models.adaboost_classifier import votes_params
from skyulf_core.params import Params

_TREES = {"adaboost_classifier": "DecisionTreeClassifier", "adaboost_regressor": "DecisionTreeRegressor"}
_DEPTH = {"adaboost_classifier": 1, "adaboost_regressor": 3}
"""Depth of the trees where no tree is named."""
_OF_TREES = ("max_depth", "min_samples_leaf")


def read_adaboost_classifier(step: Step) -> ReadModel:
    """Read the trees and their votes."""
    node = "adaboost_classifier"
    trees = _tree_settings(step, node)
    params = votes_params(step.estimator, adaboost_params(step.estimator), len(step.estimator.classes_))
    return read_model(step, node, params, free=("estimator",), fixed=trees)


def read_adaboost_regressor(step: Step) -> ReadModel:
    """Read the trees and their weights."""
    node = "adaboost_regressor"
    trees = _tree_settings(step, node)
    weights = np.array(step.estimator.estimator_weights_[: len(step.estimator.estimators_)], np.float64)
    params = Params(adaboost_params(step.estimator), weights=weights)
    return read_model(step, node, params, free=("estimator",), fixed=trees)


def _tree_settings(step: Step, node: str) -> Settings:
    """Return what the configuration says of trees. Refuses other models, and trees with other parameters."""
    tree = step.estimator.estimator
    if tree is None:
        return {"max_depth": _DEPTH[node]}
    if type(tree).__name__ != _TREES[node] or not type(tree).__module__.startswith("sklearn."):
        step.refuse(f"it boosts {type(tree).__name__}; supported is {_TREES[node]}")
    inner = Step(f"{step.name}__estimator", tree, step.columns)
    found = inner.settings(node, free=("class_weight", *_OF_TREES))
    if getattr(tree, "class_weight", None) is not None:
        inner.refuse("its trees weigh classes anew each time; supported are weights of the whole model")
    found.pop("random_state", None)
    return found | {name: getattr(tree, name) for name in _OF_TREES}
