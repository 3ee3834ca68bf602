"""The registry of metrics: what tuning, validation and evaluation score with, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from skyulf_core.evaluation import class_metrics as of_classes
from skyulf_core.evaluation import number_metrics as of_numbers
from skyulf_core.evaluation.rows import Floats, Rows, rows_of
from skyulf_core.problems import DataError, did_you_mean
from skyulf_core.serving.plan import label_key

MetricFunction: TypeAlias = Callable[[Rows], Floats]
MetricTask: TypeAlias = Literal["classification", "regression"]


@dataclass(frozen=True)
class Metric:
    """A metric: its task, whether more is better, and what it is computed from.

    `needs` says whether probabilities are needed or the predictions are enough. `argument` is what may follow the name
    after an `@` (`pinball@0.9`, `recall@yes`), `classes` the number of classes that it is restricted to. `reported`: an
    evaluation shows it.
    """

    task: MetricTask
    greater_is_better: bool
    needs: Literal["predictions", "probabilities"]
    function: MetricFunction
    summary: str
    argument: Literal["quantile", "class"] | None = None
    classes: int | None = None
    reported: bool = True


def _average(kind: str, name: str) -> MetricFunction:
    average = of_classes.macro if kind == "macro" else of_classes.weighted
    return lambda rows: average(rows, of_classes.PER_CLASS[name](rows))


def _of_class(name: str, code: int) -> MetricFunction:
    return lambda rows: of_classes.PER_CLASS[name](rows)[:, code]


def _labels(function: MetricFunction, summary: str) -> Metric:
    return Metric("classification", True, "predictions", function, summary)


def _averages() -> dict[str, Metric]:
    says = {"weighted": "each class counting as much as its rows", "macro": "all classes counting alike"}
    return {
        f"{name}_{kind}": _labels(_average(kind, name), f"{name} of all classes, {says[kind]}")
        for kind in ("weighted", "macro")
        for name in of_classes.PER_CLASS
    }


def _positive(name: str) -> Metric:
    summary = f"{name} of the second of two classes, or of the class after an @"
    function = _of_class(name, 1)
    return Metric("classification", True, "predictions", function, summary, "class", classes=2, reported=False)


def _probabilities(function: MetricFunction, summary: str, *, greater: bool = True, reported: bool = True) -> Metric:
    return Metric("classification", greater, "probabilities", function, summary, reported=reported)


def _numbers(function: MetricFunction, summary: str, *, greater: bool = False) -> Metric:
    return Metric("regression", greater, "predictions", function, summary)


METRICS: Mapping[str, Metric] = {
    "accuracy": _labels(of_classes.accuracy, "share of rows that are right"),
    "balanced_accuracy": _labels(of_classes.balanced_accuracy, "mean recall of the classes"),
    "mcc": _labels(of_classes.mcc, "Matthews' correlation of truth and prediction, -1 to 1"),
    **_averages(),
    **{name: _positive(name) for name in of_classes.PER_CLASS},
    "roc_auc": _probabilities(of_classes.roc_auc, "ROC area; with many classes the mean of each against the rest"),
    "roc_auc_ovr": _probabilities(of_classes.roc_auc_ovr, "mean ROC area of a class against the rest", reported=False),
    "roc_auc_ovo": _probabilities(of_classes.roc_auc_ovo, "mean ROC area of all pairs of classes", reported=False),
    "pr_auc": _probabilities(of_classes.pr_auc, "average precision; with many classes their mean"),
    "brier": _probabilities(of_classes.brier, "mean squared error of the probabilities", greater=False),
    "log_loss": _probabilities(of_classes.log_loss, "mean negative log-likelihood of the true class", greater=False),
    "mae": _numbers(of_numbers.mae, "mean absolute error"),
    "mse": _numbers(of_numbers.mse, "mean squared error"),
    "rmse": _numbers(of_numbers.rmse, "root of the mean squared error"),
    "r2": _numbers(of_numbers.r2, "share of the squares about the mean that is explained", greater=True),
    "mape": _numbers(of_numbers.mape, "mean absolute error as a fraction of the truth"),
    "median_ae": _numbers(of_numbers.median_ae, "median absolute error"),
    "explained_variance": _numbers(of_numbers.explained_variance, "share of the variance explained", greater=True),
    "pinball": Metric(
        "regression", False, "predictions", partial(of_numbers.pinball, quantile=0.5),
        "loss of a predicted quantile: the one after an @, or the median", "quantile", reported=False,
    ),
}  # fmt: skip

DEFAULT_METRICS: Mapping[MetricTask, str] = {"classification": "roc_auc", "regression": "r2"}
"""What is judged by where nobody names a metric."""


def score(
    name: str,
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: Floats | None = None,
    classes: Sequence[object] | None = None,
    weights: Floats | None = None,
) -> float:
    """Return one metric of these rows; NaN where it is undefined for them (roc_auc where one class occurs only).

    `truth` and `predicted` are class codes (0 … k-1 into `classes`), or numbers where `classes` is None. `name` is one
    of METRICS, with its argument after an `@`: `pinball@0.9`, `recall@yes`. Raises DataError for a metric that does
    not exist, does not fit the task or lacks probabilities, and for arrays that do not fit each other.

    >>> score("accuracy", np.array([0, 1, 1]), np.array([0, 1, 0]), classes=["no", "yes"])
    0.6666666666666666
    >>> score("acuracy", np.array([0, 1]), np.array([0, 1]), classes=["no", "yes"])
    Traceback (most recent call last):
    skyulf_core.problems.DataError: there is no metric 'acuracy' of a classification. Did you mean 'accuracy'?
    """
    return scores([name], truth, predicted, probabilities, classes, weights)[name]


def scores(
    names: Sequence[str],
    truth: NDArray[np.generic],
    predicted: NDArray[np.generic],
    probabilities: Floats | None = None,
    classes: Sequence[object] | None = None,
    weights: Floats | None = None,
) -> dict[str, float]:
    """Return several metrics of the same rows, as `score` does."""
    functions = {name: metric_function(name, classes) for name in names}
    rows = rows_of(truth, predicted, probabilities, classes=classes, weights=weights)
    return {name: float(function(rows)[0]) for name, function in functions.items()}


def metric_function(name: str, classes: Sequence[object] | None) -> MetricFunction:
    """Return what computes a metric of Rows. Raises DataError where it does not exist or does not fit the classes."""
    problem = metric_problem(name, "regression" if classes is None else "classification", classes)
    if problem is not None:
        raise DataError(problem, reason="unknown-metric")
    metric, (base, _, argument) = METRICS[metric_base(name)], name.partition("@")
    if not argument:
        return metric.function
    if metric.argument == "quantile":
        return partial(of_numbers.pinball, quantile=float(argument))
    return _of_class(base, class_keys(classes or ()).index(argument))


def metric_problem(name: str, task: MetricTask, classes: Sequence[object] | None = None) -> str | None:
    """Say what is wrong with a metric's name for a task, and what to do; None where it fits.

    Without `classes` everything is looked at that can be known before the data.
    """
    fitting = [known for known, metric in METRICS.items() if metric.task == task]
    metric, argument = METRICS.get(metric_base(name)), name.partition("@")[2]
    if metric is None:
        hint = did_you_mean(metric_base(name), fitting) or f"There are: {', '.join(fitting)}."
        return f"there is no metric {name!r} of a {task}. {hint}"
    if metric.task != task:
        return f"the metric {name!r} is one of a {metric.task}, not of a {task}. There are: {', '.join(fitting)}."
    if "@" in name and metric.argument is None:
        return f"the metric {metric_base(name)!r} takes nothing after an @."
    if "@" in name and metric.argument == "quantile" and not _is_share(argument):
        return f"{name!r} needs a quantile between 0 and 1 after its @, as in pinball@0.9."
    if classes is None:
        return None
    if "@" in name and metric.argument == "class" and argument not in class_keys(classes):
        hint = did_you_mean(argument, class_keys(classes)) or f"There are: {', '.join(class_keys(classes)[:20])}."
        return f"{name!r} names no class. {hint}"
    if "@" not in name and metric.classes is not None and len(classes) != metric.classes:
        return (
            f"{name!r} needs two classes; with {len(classes)} choose {name}_macro, {name}_weighted or {name}@<class>."
        )
    return None


def metric_base(name: str) -> str:
    """Return a metric's name without its argument.

    >>> metric_base("pinball@0.9")
    'pinball'
    """
    return name.partition("@")[0]


def reported_metrics(task: MetricTask) -> list[str]:
    """Return the names of the metrics that an evaluation shows."""
    return [name for name, metric in METRICS.items() if metric.task == task and metric.reported]


def greater_is_better(name: str) -> bool:
    """Say whether a higher score is the better one. Raises KeyError for a metric that does not exist."""
    return METRICS[metric_base(name)].greater_is_better


def limits_of(name: str) -> tuple[float, float]:
    """Return the least and the greatest value that a metric can have. Raises KeyError for one that does not exist.

    >>> limits_of("accuracy"), limits_of("mcc"), limits_of("rmse"), limits_of("r2")
    ((0.0, 1.0), (-1.0, 1.0), (0.0, inf), (-inf, 1.0))
    """
    base = metric_base(name)
    if not greater_is_better(base):
        return 0.0, math.inf
    if METRICS[base].task == "regression":
        return -math.inf, 1.0
    return (-1.0 if base == "mcc" else 0.0), 1.0


def better(name: str, one: float, other: float) -> bool:
    """Say whether one score is better than another; NaN is worse than every number."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(other) and not math.isnan(one)
    return one > other if greater_is_better(name) else one < other


def class_keys(classes: Sequence[object]) -> list[str]:
    """Return classes as they are written behind an `@`."""
    return [label_key(cast("bool | int | float | str", label)) for label in classes]


def _is_share(text: str) -> bool:
    try:
        return 0 < float(text) < 1
    except ValueError:
        return False
