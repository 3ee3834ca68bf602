"""A model or family that a person names: its task, its search, its pipeline."""

from __future__ import annotations

from typing import Literal

import polars as pl
from pydantic import JsonValue

from skyulf_core.automl.families import FAMILIES, AutoTask
from skyulf_core.automl.setup import prepare
from skyulf_core.automl.wish import Wish
from skyulf_core.data.frames import normalise, schema_of
from skyulf_core.nodes.base import ModelCalculator
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.pipeline import Pipeline
from skyulf_core.pipeline.resolve import resolve
from skyulf_core.problems import DataError, did_you_mean


def task_of_model(wish: Wish) -> AutoTask | None:
    """Return the task of the model that is named; None where a family does both. Raises DataError for no such name."""
    if wish.model is None or wish.model in FAMILIES:
        return None
    models: dict[str, AutoTask] = {}
    for name in NodeRegistry.names():
        calculator = NodeRegistry.get(name).calculator
        task = calculator.task if isinstance(calculator, ModelCalculator) else None
        if task == "classification" or task == "regression":
            models[name] = task
    if wish.model not in models:
        hint = did_you_mean(wish.model, [*FAMILIES, *models]) or f"Families are: {', '.join(FAMILIES)}."
        message = f"there is no model {wish.model!r}. {hint} `skyulf nodes list --offline` lists all"
        raise DataError(message, reason="unknown-model")
    return models[wish.model]


def searched_model(wish: Wish, task: AutoTask, budget: float) -> dict[str, JsonValue]:
    """Return the model of a pipeline that is searched for. Raises DataError for a model of no family."""
    config: dict[str, JsonValue] = {"budget": budget, "random_state": wish.seed, "task": task}
    if wish.metric is not None:
        config["metric"] = wish.metric
    if wish.model is not None:
        family = next((f.name for f in FAMILIES.values() if wish.model in (f.name, *f.nodes.values())), None)
        if family is None:
            message = f"{wish.model!r} is of no family that is searched; leave --auto out to train it as it is"
            raise DataError(message, reason="no-family")
        config |= {"families": [family], "stack": False}
    return {"node": "auto", "config": config}


def pipeline_of_one(wish: Wish, data: pl.DataFrame, split: dict[str, JsonValue], task: AutoTask) -> Pipeline:
    """Return the pipeline of one model, prepared as the data ask for."""
    name = wish.model or "linear"
    family = next((f for f in FAMILIES.values() if name == f.name or name == f.nodes.get(task)), None)
    if name in FAMILIES and (family is None or task not in family.nodes):
        raise DataError(f"the family {name} does no {task}; choose another, or leave --model out", reason="wrong-task")
    auto: dict[str, JsonValue] = {"task": task, "random_state": wish.seed}
    if wish.metric is not None:
        auto["metric"] = wish.metric
    given = Pipeline.from_config({"steps": [split], "model": {"node": "auto", "config": auto}}).resolved
    if given.auto is None:
        raise ValueError("a pipeline with auto has auto")
    setup = prepare(given, given.auto, {given.main_source: normalise(data)}, schema_of(data))
    if family is not None:
        resolved = setup.pipeline(family.nodes[task], setup.defaults(family), kind=family.kind)
    else:
        fields = NodeRegistry.get(name).config_model.model_fields
        seeded: dict[str, JsonValue] = {"random_state": wish.seed} if "random_state" in fields else {}
        kind: Literal["plain", "trees"] = "trees" if NodeRegistry.get(name).calculator.accepts_missing else "plain"
        problems = resolve({"steps": [split], "model": {"node": name}}).problems
        if problems:
            needed = ", ".join(problem.field for problem in problems if problem.field) or "a configuration"
            message = (
                f"the model {name!r} needs {needed}, for which there is no option; choose another model, or leave "
                "--model out"
            )
            raise DataError(message, reason="not-by-name")
        resolved = setup.pipeline(name, seeded, kind=kind)
    return Pipeline(resolved)
