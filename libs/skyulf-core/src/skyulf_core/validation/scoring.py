"""Metrics of predictions of rows that were not learned from: the names that are asked for, and their values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from skyulf_core.evaluation.metrics import METRICS, MetricTask, metric_base, metric_problem, reported_metrics, scores
from skyulf_core.nodes.base import Label
from skyulf_core.problems import InvalidConfigError, Problem, as_sentence

__all__ = ["defined_scores", "metrics_of"]


def metrics_of(
    task: MetricTask,
    names: Iterable[str] | None,
    *,
    classes: Sequence[Label] | None = None,
    probabilities: bool = True,
    place: str | None = None,
) -> tuple[str, ...]:
    """Return the names of metrics; where none are given those that an evaluation of the task shows.

    `place` is a JSON pointer to the only one, where a configuration names it. Raises InvalidConfigError for one that
    nobody knows, that does not fit the task or the classes, or that needs `probabilities` of a model that has none.
    """
    if names is None:
        return tuple(name for name in reported_metrics(task) if probabilities or METRICS[name].needs == "predictions")
    listed: list[object] = [] if isinstance(names, str) else list(names)
    strange = next((name for name in listed if not isinstance(name, str)), None)
    if isinstance(names, str) or strange is not None:
        what = f"not {names!r} alone" if isinstance(names, str) else f"and {strange!r} is none"
        message = f"Metrics are a list of names, as ['accuracy'], {what}."
        raise InvalidConfigError([Problem("/metrics", message, "wrong-type", field="metrics")])
    wanted, problems = tuple(dict.fromkeys(names)), []
    for index, name in enumerate(wanted):
        text = metric_problem(name, task, classes)
        if text is None and not probabilities and METRICS[metric_base(name)].needs == "probabilities":
            text = f"the metric {name!r} needs probabilities, and the model has none; judge by accuracy or f1_weighted"
        if text is not None:
            pointer, field = (f"/metrics/{index}", "metrics") if place is None else (place, "metric")
            problems.append(Problem(pointer, as_sentence(text), "unknown-metric", field=field))
    if not wanted:
        problems.append(Problem("/metrics", "Name at least one metric.", "no-metric", field="metrics"))
    if problems:
        raise InvalidConfigError(problems)
    return wanted


def defined_scores(
    names: Sequence[str],
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: NDArray[np.float64] | None,
    *,
    classes: Sequence[Label] | None,
    weights: NDArray[np.float64] | None,
) -> dict[str, float]:
    """Return the metrics that are defined for these rows; without probabilities those that need none."""
    if probabilities is None:
        names = [name for name in names if METRICS[metric_base(name)].needs == "predictions"]
    found = scores(names, truth, predicted, probabilities, classes, weights)
    return {name: value for name, value in found.items() if math.isfinite(value)}
