"""The closed list of models that judge columns."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from skyulf_core.nodes.base import Task
from skyulf_core.problems import DataError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

EstimatorName: TypeAlias = Literal[
    "logistic_regression", "linear_regression", "ridge", "lasso", "decision_tree", "random_forest", "extra_trees",
    "linear_svm",
]  # fmt: skip
MISSING_ALLOWED = frozenset({"decision_tree", "random_forest", "extra_trees"})
_FOREST = ("n_estimators", "max_depth", "random_state")
_CLASSES: dict[tuple[str, Task], tuple[str, str, tuple[str, ...]]] = {
    ("logistic_regression", "classification"): ("linear_model", "LogisticRegression", ("C", "max_iter")),
    ("linear_regression", "regression"): ("linear_model", "LinearRegression", ()),
    ("ridge", "classification"): ("linear_model", "RidgeClassifier", ("alpha",)),
    ("ridge", "regression"): ("linear_model", "Ridge", ("alpha",)),
    ("lasso", "regression"): ("linear_model", "Lasso", ("alpha", "max_iter")),
    ("decision_tree", "classification"): ("tree", "DecisionTreeClassifier", ("max_depth", "random_state")),
    ("decision_tree", "regression"): ("tree", "DecisionTreeRegressor", ("max_depth", "random_state")),
    ("linear_svm", "classification"): ("svm", "LinearSVC", ("C", "max_iter", "random_state")),
    ("linear_svm", "regression"): ("svm", "LinearSVR", ("C", "max_iter", "random_state")),
    ("random_forest", "classification"): ("ensemble", "RandomForestClassifier", _FOREST),
    ("random_forest", "regression"): ("ensemble", "RandomForestRegressor", _FOREST),
    ("extra_trees", "classification"): ("ensemble", "ExtraTreesClassifier", _FOREST),
    ("extra_trees", "regression"): ("ensemble", "ExtraTreesRegressor", _FOREST),
}


def build(name: EstimatorName, task: Task, options: Mapping[str, Any], *, target: str) -> BaseEstimator:
    """Return the model, not fitted. Raises DataError where it cannot learn such a target."""
    found = _CLASSES.get((name, task))
    if found is None:
        other: Task = "regression" if task == "classification" else "classification"
        message = f"{name} needs a {other}'s target, and {target!r} is a {task}'s"
        raise DataError(message, reason="wrong-task", column=target)
    module, kind, parameters = found
    made: BaseEstimator = getattr(importlib.import_module(f"sklearn.{module}"), kind)(
        **{parameter: options[parameter] for parameter in parameters}
    )
    return made
