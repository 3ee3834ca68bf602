"""What a search begins with: the task, the folds, the profile of the training rows, the families that fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl
from pydantic import JsonValue

from skyulf_core.automl.config import Auto, AutoConfig
from skyulf_core.automl.families import AutoTask, Family, Kind, fitting
from skyulf_core.automl.profile import LEFT_OUT, Profile, profile
from skyulf_core.automl.recipe import Step, recipe
from skyulf_core.data.splits import Split, SplitDataset
from skyulf_core.evaluation.metrics import DEFAULT_METRICS, metric_problem
from skyulf_core.nodes.base import ModelCalculator
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.running import Flow, Runner
from skyulf_core.pipeline.targets import classes_of, codes_of
from skyulf_core.pipeline.weighing import weight_column_problems
from skyulf_core.problems import DataError, InvalidConfigError, Problem, as_sentence
from skyulf_core.schema import Schema
from skyulf_core.validation.config import FlatValidation, ShuffleSplit, StratifiedShuffleSplit, read_cv
from skyulf_core.validation.decisions import default_cv
from skyulf_core.validation.divided import Divided, divide
from skyulf_core.validation.engine import CrossValidator

_FEW = 10
"""Whole numbers with at most so many values are classes, where nobody says what they are."""
_THREE_FOLDS_FROM = 30_000
_ONE_FOLD_FROM = 150_000
_FOLDS = 5


@dataclass(frozen=True)
class Setup:
    """Everything that candidates share."""

    config: AutoConfig
    task: AutoTask
    labels: int | None
    metric: str
    steps: tuple[Step, ...]
    weights: str | None
    profile: Profile
    families: tuple[Family, ...]
    notes: tuple[str, ...]
    validator: CrossValidator

    def pipeline(self, node: str, config: Mapping[str, JsonValue], *, kind: Kind) -> Resolved:
        """Return the pipeline of a model with the preparation that fits it. Raises InvalidConfigError."""
        entry = NodeRegistry.get(node)
        parsed = entry.config_model.model_validate(dict(config))
        takes = isinstance(entry.calculator, ModelCalculator) and entry.calculator.takes_missing(parsed)
        prepared = recipe(self.profile, kind=kind, takes_missing=takes, labels=self.labels)
        return _resolved([*self.steps, *prepared], node, dict(config), self.weights)

    def defaults(self, family: Family) -> dict[str, JsonValue]:
        """Return what a family begins with."""
        return family.config(self.task, rows=len(self.validator.rows), random_state=self.config.random_state)


def prepare(resolved: Resolved, auto: Auto, tables: Mapping[str, pl.DataFrame], schema: Schema) -> Setup:
    """Look at the data. Raises InvalidConfigError and DataError for what no candidate could learn from."""
    config, target = auto.config, tables[resolved.main_source][cast("str", resolved.target)]
    task = config.task or task_of_target(target)
    metric = _metric(auto, task)
    steps = [step.to_dict() for step in resolved.known_steps]
    first = {"classification": "logistic_regression", "regression": "ridge_regression"}[task]
    base = _resolved(steps, first, {}, auto.weights)
    problems = list(weight_column_problems(base, schema))
    if problems:
        raise InvalidConfigError(problems)
    divided = divide(base, tables)
    train = _through(base, divided)
    truth = cast("pl.Series", train.target)
    found, labels = profile(train.features, truth), truth.n_unique() if task == "classification" else None
    if all(column.role in LEFT_OUT for column in found.columns):
        raise DataError(" ".join(["no column is left to learn from.", *found.notes]), reason="no-features")
    rows = len(divided.train)
    families, left_out = fitting(task, rows=rows, weighted=auto.weights is not None, named=config.families)
    if not families:
        raise DataError(f"no family is left to try. {' '.join(left_out)}".strip(), reason="no-family")
    mode = _folds(config, base, divided, task)
    place = f"{auto.placed.pointer}/config/metric"
    validator = CrossValidator(base, tables, schema, mode, metrics=[metric], metric_place=place)
    notes = (*([] if config.task else [_said(task, target)]), *found.notes, *left_out)
    return Setup(config, task, labels, metric, tuple(steps), auto.weights, found, tuple(families), notes, validator)


def _resolved(steps: list[Step], node: str, config: dict[str, JsonValue], weights: str | None) -> Resolved:
    model: dict[str, JsonValue] = {"node": node, "config": config}
    found = resolve({"steps": steps, "model": model | ({} if weights is None else {"weights": weights})})
    if found.problems:
        raise InvalidConfigError(found.problems)
    return found


def task_of_target(target: pl.Series) -> AutoTask:
    """Return what a target looks like: fractions and many whole numbers are amounts, everything else is classes."""
    if not target.dtype.is_numeric():
        return "classification"
    known = target.drop_nulls()
    if target.dtype.is_float() and not bool((known == known.round()).all()):
        return "regression"
    return "classification" if known.n_unique() <= _FEW else "regression"


def _said(task: AutoTask, target: pl.Series) -> str:
    what = "classes" if task == "classification" else "amounts"
    return f"{target.name!r} is taken for {what} ({task}); `task` says otherwise."


def _metric(auto: Auto, task: AutoTask) -> str:
    metric = auto.config.metric or DEFAULT_METRICS[task]
    text = metric_problem(metric, task)
    if text is not None:
        pointer = f"{auto.placed.pointer}/config/metric"
        raise InvalidConfigError([Problem(pointer, as_sentence(text), "unknown-metric", auto.placed.node, "metric")])
    return metric


def _through(base: Resolved, divided: Divided) -> Split:
    """Return the training rows behind the steps that are configured."""
    runner, whole = Runner(base), divided.train
    flow = Flow(SplitDataset(whole, whole.take(np.zeros(0, np.int64))), divided.makers)
    flows = {**divided.flows, divided.splitter.id: flow}
    behind = base.known_steps[[step.id for step in base.known_steps].index(divided.splitter.id) + 1 :]
    for node in behind:
        _, flow = runner.run(node, [flows[name] for name in node.inputs])
        flows[node.id] = flow
    return flow.splits.train


def _folds(config: AutoConfig, base: Resolved, divided: Divided, task: AutoTask) -> FlatValidation:
    """Return the folds: those that are configured, or as many as the rows, and the rarest class, allow."""
    if config.cv is not None:
        return cast("FlatValidation", read_cv(config.cv))
    mode, rows = default_cv(base, task), len(divided.train)
    count = _FOLDS if rows < _THREE_FOLDS_FROM else 3
    if mode.type in ("k_fold", "stratified_k_fold") and rows >= _ONE_FOLD_FROM:
        return (StratifiedShuffleSplit if task == "classification" else ShuffleSplit)(
            folds=1, test_size=0.2, random_state=config.random_state
        )
    changes: dict[str, int] = {"folds": count}
    if mode.type == "stratified_k_fold":
        changes["folds"] = _most_folds(divided, count)
    if "random_state" in type(mode).model_fields:
        changes["random_state"] = config.random_state
    return mode.model_copy(update=changes)


def _most_folds(divided: Divided, wanted: int) -> int:
    target = cast("pl.Series", divided.train.target)
    classes = classes_of(target)
    counts = np.bincount(codes_of(target, classes), minlength=len(classes))
    rarest = int(np.argmin(counts))
    if counts[rarest] < 2:
        message = (
            f"class {classes[rarest]!r} of {target.name!r} has {int(counts[rarest])} training row, and folds need two; "
            "leave the class out, or join it with another"
        )
        raise DataError(message, reason="rare-class", column=target.name)
    return int(min(wanted, counts[rarest]))
