"""Models at the end of a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from skyulf_core.fitted import FittedModel
from skyulf_core.interop.reading.line import Step, parsed_config
from skyulf_core.models._linear import classifier_params
from skyulf_core.models._trees import boosting_arrays, forest_arrays
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ReadModel:
    """What a model is here: its node, what it predicts, and its labels, where it classifies."""

    model: FittedModel
    task: Task
    classes: tuple[Label, ...] | None


def read_logistic_regression(step: Step) -> ReadModel:
    """Read coefficients and intercepts."""
    coefficients = step.learned("coef_")
    params = classifier_params(
        coefficients,
        np.broadcast_to(step.learned("intercept_"), (len(coefficients),)).copy(),
        link="sigmoid" if len(coefficients) == 1 else "softmax",
        classes=len(step.estimator.classes_),
        node="logistic_regression",
        n_iter=int(np.max(step.estimator.n_iter_)),
    )
    return read_model(step, "logistic_regression", params)


def read_ridge(step: Step) -> ReadModel:
    """Read coefficients and the intercept."""
    coefficients = np.atleast_2d(step.learned("coef_"))
    if len(coefficients) != 1:
        step.refuse(f"it predicts {len(coefficients)} targets; supported is one")
    params = Params(
        coefficients=np.ascontiguousarray(coefficients), intercepts=np.ravel(step.learned("intercept_")).copy()
    )
    return read_model(step, "ridge_regression", params)


def read_forest(step: Step) -> ReadModel:
    """Read the trees."""
    if step.estimator.n_outputs_ != 1:
        step.refuse(f"it predicts {step.estimator.n_outputs_} targets; supported is one")
    trees = forest_arrays([tree.tree_ for tree in step.estimator.estimators_])
    return read_model(step, "random_forest_classifier", Params(trees, n_classes=len(step.estimator.classes_)))


def read_boosting_classifier(step: Step) -> ReadModel:
    """Read the trees."""
    counts = {"n_classes": len(step.estimator.classes_), "n_iter": int(step.estimator.n_iter_)}
    params = Params(_boosting(step), **counts)
    return read_model(
        step, "hist_gradient_boosting_classifier", params, free=("categorical_features", "loss", "scoring")
    )


def read_boosting_regressor(step: Step) -> ReadModel:
    """Read the trees."""
    logarithm = step.estimator.loss in ("gamma", "poisson")
    params = Params(_boosting(step), log=logarithm, n_iter=int(step.estimator.n_iter_))
    return read_model(step, "hist_gradient_boosting_regressor", params, free=("categorical_features", "scoring"))


def _boosting(step: Step) -> dict[str, object]:
    if step.estimator.is_categorical_ is not None:
        step.refuse("it splits by categories; supported are numbers (encode the categories before)")
    nodes = [[predictor.nodes for predictor in iteration] for iteration in step.estimator._predictors]
    baseline = cast("NDArray[np.float64]", step.estimator._baseline_prediction)
    return boosting_arrays(nodes, baseline)


def read_model(
    step: Step, node: str, params: Params, free: tuple[str, ...] = (), fixed: Mapping[str, object] | None = None
) -> ReadModel:
    """Return a model with what was read of it, its settings, and its labels (a clustering: its clusters)."""
    parsed = parsed_config(step, node, step.settings(node, free=free, fixed=fixed))
    dumped = cast("dict[str, JsonValue]", parsed.model_dump(mode="json"))
    calculator = cast("ModelCalculator[NodeConfig]", NodeRegistry.get(node).calculator)
    classes: tuple[Label, ...] | None = _labels(step) if calculator.task == "classification" else None
    if classes is not None:
        with step.refusing():
            calculator.for_classes(parsed, classes, known=classes, node=node)
    if isinstance(calculator, UnsupervisedCalculator):
        classes = calculator.clusters(params)
    return ReadModel(FittedModel(node, dumped, params, tuple(step.columns)), calculator.task, classes)


def _labels(step: Step) -> tuple[Label, ...]:
    values = [label.item() if isinstance(label, np.generic) else label for label in step.estimator.classes_]
    if all(isinstance(value, float) and value.is_integer() for value in values):
        return tuple(int(value) for value in values)
    kinds = {type(value) for value in values}
    if len(kinds) != 1 or not kinds <= {bool, int, str}:
        step.refuse("its labels are neither texts nor whole numbers nor booleans, which are supported")
    return tuple(values)


ModelReader = Callable[[Step], ReadModel]
