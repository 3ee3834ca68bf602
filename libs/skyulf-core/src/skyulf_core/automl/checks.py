"""What the columns alone say against a search, before any of their values is looked at."""

from __future__ import annotations

from collections.abc import Iterator

from skyulf_core.automl.config import AUTO, Auto
from skyulf_core.automl.families import AutoTask, fitting
from skyulf_core.evaluation.metrics import metric_problem
from skyulf_core.problems import Problem, as_sentence
from skyulf_core.schema import NUMERIC, ColumnSchema, Dtype, Schema

UNREAD: frozenset[Dtype] = frozenset({"other", "time", "duration"})
"""Nothing is made of values of these types."""


def auto_problems(auto: Auto, target: ColumnSchema | None, features: Schema | None) -> Iterator[Problem]:
    """Yield what cannot work with this target and these columns (each None where it is not known).

    A target of numbers may be classes or amounts, which only its values say; any other one is classes.
    """
    if features is not None and all(column.dtype in UNREAD for column in features):
        yield Problem(auto.placed.pointer, "No column is left to learn from.", "no-features", node=AUTO)
    if target is None:
        return
    task, at = auto.config.task, f"{auto.placed.pointer}/config"
    if task == "regression" and target.dtype not in NUMERIC:
        message = f"The target {target.name!r} is {target.dtype}; a regression predicts numbers."
        hint = "Leave task out, or predict another column."
        yield Problem(f"{at}/task", message, "wrong-task", node=AUTO, field="task", suggestion=hint)
    elif target.dtype not in NUMERIC:
        yield from _of_classes(auto, at, named=task is not None)
    if task is not None:
        yield from _families(auto, at, task)


def _of_classes(auto: Auto, at: str, *, named: bool) -> Iterator[Problem]:
    """Yield what does not go with classes, where the target alone says that it holds them."""
    if named:
        return  # said without a schema already
    text = None if auto.config.metric is None else metric_problem(auto.config.metric, "classification")
    if text is not None:
        yield Problem(f"{at}/metric", as_sentence(text), "unknown-metric", node=AUTO, field="metric")
    yield from _families(auto, at, "classification")


def _families(auto: Auto, at: str, task: AutoTask) -> Iterator[Problem]:
    named, weighted = auto.config.families, auto.weights is not None
    kept, notes = fitting(task, rows=0, weighted=weighted, named=named)
    if not kept:
        message = " ".join([f"No family is left to try for a {task}.", *notes])
        hint = "Leave families out, or name others."
        yield Problem(f"{at}/families", message, "no-family", node=AUTO, field="families", suggestion=hint)
