"""What folds need to know of a pipeline: its model, its task, and the codes of all its classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skyulf_core.evaluation.metrics import MetricTask
from skyulf_core.nodes.base import Label, ModelCalculator
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.problems import InvalidConfigError, Problem


def of_all(
    predicted: NDArray[np.generic],
    probabilities: NDArray[np.float64] | None,
    known: Sequence[Label],
    classes: Sequence[Label],
) -> tuple[NDArray[np.generic], NDArray[np.float64] | None]:
    """Return codes and probabilities of all classes, where a fold has not seen some; those have probability 0."""
    if len(known) == len(classes):
        return predicted, probabilities
    places = np.array([classes.index(label) for label in known])
    wide = None
    if probabilities is not None:
        wide = np.zeros((len(probabilities), len(classes)))
        wide[:, places] = probabilities
    return places[predicted.astype(np.int64)], wide


def task_of(resolved: Resolved) -> MetricTask:
    """Return the task. Raises InvalidConfigError for a model that learns without a target."""
    model = model_of(resolved)
    task = model.entry.calculator.task if isinstance(model.entry.calculator, ModelCalculator) else None
    if task == "classification" or task == "regression":
        return task
    message = f"{model.entry.name} learns without a target; nothing says how right it is on other rows."
    hint = "Choose a classification or a regression."
    raise InvalidConfigError(
        [Problem(f"{model.placed.pointer}/node", message, "no-target", model.entry.name, "node", hint)]
    )


def model_of(resolved: Resolved) -> ResolvedNode:
    """Return the model. Raises ValueError where there is none."""
    if resolved.model is None:
        raise ValueError("the pipeline has no model")
    return resolved.model


def silent(fraction: float, message: str) -> None:
    """Report to nobody."""
