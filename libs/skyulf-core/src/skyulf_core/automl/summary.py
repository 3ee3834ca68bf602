"""What came of a training, as values that a command shows."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import polars as pl
from pydantic import JsonValue

from skyulf_core.automl.families import AutoTask
from skyulf_core.automl.wish import Wish
from skyulf_core.automl.writing import written
from skyulf_core.evaluation.intervals import bootstrap_intervals, enough_samples
from skyulf_core.evaluation.metrics import reported_metrics
from skyulf_core.evaluation.rows import rows_of
from skyulf_core.pipeline.answering import answers
from skyulf_core.pipeline.applying import features_of
from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.pipeline import Pipeline
from skyulf_core.pipeline.targets import encoded

if TYPE_CHECKING:
    from skyulf_core.automl.leaderboard import AutoResult

_SHOWN = 20


def summary(wish: Wish, pipeline: Pipeline, notes: list[str], began: float, tell: Report) -> dict[str, JsonValue]:
    """Write what is wished for, and return what came of it."""
    found, fitted = pipeline.auto_result, pipeline.fitted
    metric = found.metric if found is not None else wish.metric
    held, intervals = pipeline.held_out, dict[str, JsonValue]()
    if held is not None:
        tell(1.0, "judging on held-out rows")
        intervals = _intervals(pipeline, held, metric)
    unwritten: list[JsonValue] = []
    if wish.save is not None:
        save = wish.save
        unwritten += written("--save", save, lambda: pipeline.save(save))
        wish = replace(wish, save=None) if unwritten else wish
    if wish.report is not None:
        report, before = wish.report, len(unwritten)
        tell(1.0, "writing the report")
        unwritten += written("--report", report, lambda: pipeline.report().save(report))
        wish = replace(wish, report=None) if len(unwritten) > before else wish
    return {
        "target": wish.target,
        "task": fitted.task,
        "model": None if fitted.model is None else fitted.model.node,
        "metric": metric,
        "metrics": intervals,
        "held_out": 0 if held is None else held.height,
        "candidates": 0 if found is None else len(found.leaderboard),
        "leaderboard": [] if found is None else [entry.to_dict() for entry in found.leaderboard[:_SHOWN]],
        "notes": [*notes, *([] if found is None else found.notes), *_stopped(found)],
        "config": pipeline.config,
        "saved": None if wish.save is None else str(wish.save),
        "report": None if wish.report is None else str(wish.report),
        "unwritten": unwritten,
        "seconds": time.monotonic() - began,
        "next": list(_next(wish, found)),
    }


def _intervals(pipeline: Pipeline, held: pl.DataFrame, metric: str | None) -> dict[str, JsonValue]:
    """Return the metrics of held-out rows with the interval that holds the true value in 95 of 100 cases."""
    fitted = pipeline.fitted
    task: AutoTask = "classification" if fitted.task == "classification" else "regression"
    (predicted, probabilities) = answers(fitted, features_of(fitted, held))
    truth = encoded(held[cast("str", fitted.target)], task, fitted.classes)
    rows = rows_of(truth, predicted, probabilities, classes=fitted.classes)
    evaluated = pipeline.evaluate().metrics
    names = [name for name in reported_metrics(task) if name in evaluated]
    wanted = list(dict.fromkeys([*([metric] if metric else []), *names]))
    found = bootstrap_intervals(wanted, rows, samples=enough_samples(held.height))
    alone: dict[str, JsonValue] = {"low": None, "high": None}
    return {
        name: found[name].to_dict() if name in found else {"estimate": evaluated[name], **alone}
        for name in wanted
        if name in found or name in evaluated
    }


def _stopped(found: AutoResult | None) -> list[JsonValue]:
    if found is None or found.end != "stopped":
        return []
    return [f"The search was stopped after {found.seconds:.0f} s; the best until then was trained."]


def _next(wish: Wish, found: AutoResult | None) -> list[str]:
    """Return what to do next."""
    said = []
    if found is not None and found.end != "done":
        said.append(f"More time may find more: --auto {round((wish.auto or 60) * 5)}s.")
    elif found is None:
        said.append("Let others be tried beside it: --auto 60s instead of --model.")
    if wish.save is None:
        said.append("Keep the model: --save DIR, then Pipeline.load(DIR).predict(rows) in Python.")
    else:
        said.append(f"Use it in Python: Pipeline.load({str(wish.save)!r}).predict(rows).")
    if wish.report is None:
        said.append("See where it is wrong, and why: --report report.html.")
    return said
