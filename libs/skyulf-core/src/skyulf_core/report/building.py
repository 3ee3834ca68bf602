"""Gathering what a report says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl
from pydantic import JsonValue

from skyulf_core.data.frames import to_polars
from skyulf_core.evaluation.distribution import answer_distribution
from skyulf_core.evaluation.fairness import fairness
from skyulf_core.evaluation.intervals import FEW_SAMPLES, bootstrap_intervals, enough_samples
from skyulf_core.evaluation.metrics import METRICS, MetricTask, reported_metrics
from skyulf_core.evaluation.result import Evaluation
from skyulf_core.evaluation.rows import Rows
from skyulf_core.evaluation.slices import slices_by, worst_slices
from skyulf_core.explanation.explaining import explain
from skyulf_core.explanation.importances import importances
from skyulf_core.explanation.outcomes import Outcomes, judged_rows, model_of, outcomes_of_rows, read_columns
from skyulf_core.explanation.partial import partial_dependence
from skyulf_core.explanation.permutation import PermutationImportances, permutation_importance
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.pipeline.card import model_card
from skyulf_core.pipeline.describing import settings_of
from skyulf_core.pipeline.sources import Frames, main_of
from skyulf_core.problems import DataError, NotFittedError, nearest_column
from skyulf_core.report.report import FORMAT, Report
from skyulf_core.validation.learning_curve import LearningCurve
from skyulf_core.validation.result import CrossValidationResult, OutOfFold

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

_MOST_JUDGED = 5_000
"""Permutation importance looks at so many rows."""
_MOST_COLUMNS = 40
_PARTIAL = 6
_EXAMPLES = 4
_TRIALS = 20


def build_report(
    pipeline: Pipeline,
    frames: Frames | None = None,
    *,
    segments: Sequence[str] = (),
    cross_validation: CrossValidationResult | None = None,
    learning_curve: LearningCurve | None = None,
) -> Report:
    """Return the report of a fitted pipeline: see `Pipeline.report`."""
    fitted = pipeline.fitted
    model_of(fitted)
    content = _head(pipeline)
    data = _rows(pipeline, frames)
    if fitted.task in UNSUPERVISED:
        evaluation = pipeline.evaluate(frames)
        content |= {"rows": evaluation.rows, "evaluation": evaluation.to_dict(), "metrics": _plain(evaluation)}
    elif data is None:
        content |= _of_folds(fitted.evaluation)
    else:
        content |= _judged(pipeline, data, segments)
    content |= _of_training(pipeline, cross_validation, learning_curve)
    content["model_card"] = model_card(pipeline.resolved, fitted, judged=content)
    return Report(content)


def _head(pipeline: Pipeline) -> dict[str, JsonValue]:
    fitted, resolved = pipeline.fitted, pipeline.resolved
    model = resolved.model
    steps: list[JsonValue] = [
        {"id": node.id, "node": node.entry.name, "kind": node.entry.kind.value, "settings": settings_of(node)}
        for node in resolved.nodes
    ]
    optional = fitted.optional_columns()
    columns: list[JsonValue] = [
        {**column.to_dict(), "needed": column.name not in optional} for column in fitted.input_schema
    ]
    about = None if model is None else model.entry.info()
    return {
        "format": FORMAT,
        "task": fitted.task,
        "target": fitted.target,
        "classes": None if fitted.classes is None else list(fitted.classes),
        "model": None if about is None else {"node": about.name, "summary": about.summary},
        "fingerprint": pipeline.fingerprint(),
        "steps": steps,
        "input_schema": columns,
        "decisions": cast("JsonValue", fitted.decisions()),
    }


def _rows(pipeline: Pipeline, frames: Frames | None) -> pl.DataFrame | None:
    """Return the rows to judge on; None where there are only out-of-fold figures, or no target to compare with."""
    if frames is not None:
        return to_polars(main_of(frames, pipeline.resolved.sources, pipeline.main_source))
    if pipeline.held_out is not None or pipeline.fitted.evaluation is not None:
        return pipeline.held_out
    raise NotFittedError("No rows were held out to report on; give rows with the target that were not learned from.")


def _of_folds(evaluation: Evaluation | None) -> dict[str, JsonValue]:
    if evaluation is None:
        return {}
    judged = evaluation.details.get("judged_on", "held out")
    return {
        "rows": evaluation.rows,
        "judged_on": judged,
        "evaluation": evaluation.to_dict(),
        "metrics": _plain(evaluation),
    }


def _plain(evaluation: Evaluation) -> list[JsonValue]:
    return [_metric(name, value, None) for name, value in evaluation.metrics.items()]


def _metric(name: str, estimate: float, interval: Mapping[str, JsonValue] | None) -> JsonValue:
    known = METRICS.get(name)
    return {
        "name": name,
        "estimate": estimate,
        "interval": None if interval is None else dict(interval),
        "summary": None if known is None else known.summary,
        "greater_is_better": None if known is None else known.greater_is_better,
    }


def _judged(pipeline: Pipeline, data: pl.DataFrame, segments: Sequence[str]) -> dict[str, JsonValue]:
    """Return what held-out rows say."""
    for name in segments:
        if name not in data.columns:
            message = f"there is no column {name!r} to make segments of. {nearest_column(name, data.columns)}"
            raise DataError(message, reason="missing-column", column=name)
    said = outcomes_of_rows(pipeline.fitted, data)
    rows, evaluation = judged_rows(pipeline, data, said), pipeline.evaluate(data)
    return {
        "rows": data.height,
        "judged_on": "held out",
        "evaluation": evaluation.to_dict(),
        "metrics": _metrics(evaluation, rows),
        **_slices(pipeline, data, rows, segments),
        **_explained(pipeline, data, said),
        "answers": answer_distribution(rows.truth, rows.predicted, rows.probabilities, pipeline.fitted.classes),
    }


def _metrics(evaluation: Evaluation, rows: Rows) -> list[JsonValue]:
    task: MetricTask = "regression" if rows.labels is None else "classification"
    names = [name for name in reported_metrics(task) if name in evaluation.metrics]
    intervals = bootstrap_intervals(names, rows, samples=enough_samples(len(rows.truth)))
    return [
        _metric(name, evaluation.metrics[name], intervals[name].to_dict() if name in intervals else None)
        for name in names
    ]


def _slices(pipeline: Pipeline, data: pl.DataFrame, rows: Rows, segments: Sequence[str]) -> dict[str, JsonValue]:
    metric = "mae" if rows.labels is None else "accuracy"
    names = [name for name in pipeline.fitted.input_schema.names if name in data.columns][:_MOST_COLUMNS]
    columns = {name: data[name].to_numpy() for name in dict.fromkeys([*segments, *names])}
    worst = worst_slices(columns, metric, rows, most=8)
    found: dict[str, JsonValue] = {
        name: [each.to_dict() for each in slices_by(name, columns[name], metric, rows, samples=FEW_SAMPLES)]
        for name in segments
    }
    fair: list[JsonValue] = [fairness(name, columns[name], rows, samples=FEW_SAMPLES).to_dict() for name in segments]
    return {"worst_slices": [each.to_dict() for each in worst], "segments": found, "fairness": fair}


def _explained(pipeline: Pipeline, data: pl.DataFrame, said: Outcomes) -> dict[str, JsonValue]:
    some = data if data.height <= _MOST_JUDGED else data.sample(_MOST_JUDGED, seed=0)
    known, own = read_columns(pipeline.fitted), _own_importances(pipeline, some)
    if own is not None and len(known) > _MOST_COLUMNS:  # of many those that the model goes by most
        ranked = [str(each["name"]) for each in cast("list[dict[str, JsonValue]]", own["columns"])]
        known = [*ranked, *(name for name in known if name not in ranked)]
    known = known[:_MOST_COLUMNS]
    shuffled = _shuffled(pipeline, some, known) if known else None
    important = [each.column for each in shuffled.columns] if shuffled else list(known)
    found: dict[str, JsonValue] = {
        "importances": own,
        "permutation": None if shuffled is None else shuffled.to_dict(),
        "partial_dependence": list(_partials(pipeline, some, important)),
    }
    if important:
        picked = _examples(said)
        told = explain(pipeline, data[picked])
        found["examples"] = {
            "sentences": cast("JsonValue", told.sentences()),
            "explanations": cast("JsonValue", told.to_dict()),
        }
    return found


def _shuffled(pipeline: Pipeline, rows: pl.DataFrame, columns: Sequence[str]) -> PermutationImportances | None:
    try:
        return permutation_importance(pipeline, rows, columns=columns)
    except DataError as error:  # r2 of one row, roc_auc of one class: nothing gets worse that is not known
        if error.reason != "undefined":
            raise
        return None


def _own_importances(pipeline: Pipeline, rows: pl.DataFrame) -> dict[str, JsonValue] | None:
    try:
        return importances(pipeline, rows).to_dict()
    except NotFittedError:  # the model has none of its own
        return None


def _partials(pipeline: Pipeline, data: pl.DataFrame, important: Sequence[str]) -> Iterator[JsonValue]:
    for name in important[:_PARTIAL]:
        if data[name].null_count() < data.height:
            found = partial_dependence(pipeline, data, name, most_rows=500)
            if len(found.values) > 1:  # one value says nothing of a change
                yield found.to_dict()


def _examples(said: Outcomes) -> list[int]:
    """Return rows whose answers are spread: from the surest to the least sure, or from the lowest to the highest."""
    order = np.argsort(-said.numbers.max(axis=1), kind="stable")
    places = np.linspace(0, len(order) - 1, min(_EXAMPLES, len(order))).round().astype(np.int64)
    return cast("list[int]", order[places].tolist())


def _of_training(
    pipeline: Pipeline, cross_validation: CrossValidationResult | None, learning_curve: LearningCurve | None
) -> dict[str, JsonValue]:
    """Return what was found where the model was chosen: folds, trials, a learning curve."""
    found: dict[str, JsonValue] = {}
    evaluation, tuned, auto = pipeline.fitted.evaluation, pipeline.tuning_result, pipeline.auto_result
    if evaluation is not None and "cross_validation" in evaluation.details:
        found["cross_validation"] = evaluation.details["cross_validation"]
    if tuned is not None:
        trials = [trial for trial in tuned.trials if trial.score is not None]
        sign = -1.0 if METRICS[tuned.metric.partition("@")[0]].greater_is_better else 1.0
        ordered = sorted(trials, key=lambda trial: (-trial.round, sign * (trial.score or 0.0), trial.number))
        board: list[JsonValue] = [
            {"trial": t.number, "score": t.score, "seconds": t.seconds, "params": t.params} for t in ordered[:_TRIALS]
        ]
        found["leaderboard"] = {"metric": tuned.metric, "trials": board, "tried": len(tuned.trials), "end": tuned.end}
        found["cross_validation"] = {"out_of_fold": _spread(tuned.oof)}
    if auto is not None:
        best: list[JsonValue] = [
            {
                "trial": e.number, "score": e.score, "seconds": e.seconds, "folds": e.folds, "rows": e.rows,
                "params": cast("JsonValue", {"family": e.family, **e.params}),
            }
            for e in auto.leaderboard[:_TRIALS]
        ]  # fmt: skip
        found["leaderboard"] = {
            "metric": auto.metric, "trials": best, "tried": len(auto.leaderboard), "end": auto.end,
            "seconds": auto.seconds, "budget": auto.budget, "notes": list(auto.notes),
        }  # fmt: skip
    if cross_validation is not None:
        found["cross_validation"] = {**cross_validation.to_dict(), "out_of_fold": _spread(cross_validation.oof)}
    if learning_curve is not None:
        found["learning_curve"] = learning_curve.to_dict()
    return found


def _spread(oof: OutOfFold) -> JsonValue:
    return answer_distribution(oof.truth, oof.predictions, oof.probabilities, oof.classes)
