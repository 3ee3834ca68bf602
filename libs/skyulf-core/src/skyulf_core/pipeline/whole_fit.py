"""A whole fit: the search, where one is configured, then the training, then what is decided and judged after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from skyulf_core.data.frames import normalise, schema_of, to_polars
from skyulf_core.fitted import FittedPipeline
from skyulf_core.nodes.base import UNSUPERVISED
from skyulf_core.pipeline.background import CANDIDATES, background_rows
from skyulf_core.pipeline.evaluating import evaluate_model
from skyulf_core.pipeline.fitting import Report, Trainer
from skyulf_core.pipeline.golden import golden_rows
from skyulf_core.pipeline.progress import part_of
from skyulf_core.pipeline.resolve import Resolved
from skyulf_core.pipeline.sources import Frames, tables_of
from skyulf_core.pipeline.streaming import fit_streaming, streams
from skyulf_core.pipeline.validation import check_resolved
from skyulf_core.pipeline.wiring import SOURCE
from skyulf_core.problems import InvalidConfigError
from skyulf_core.schema import Schema

if TYPE_CHECKING:
    from skyulf_core.automl.leaderboard import AutoResult
    from skyulf_core.tuning.study import Watch
    from skyulf_core.tuning.trial import Trial
    from skyulf_core.tuning.tuned import Tuned

_DECIDING_SHARE = 0.8
"""So much of the progress after tuning is that of the folds on which thresholds and the like are chosen."""
_SEARCHING_SHARE = 0.9
"""So much of the progress of a fit is its search for parameters, where it has one."""
_SOME_ROWS = 200
"""So many rows are kept to look at what a model goes by."""
_GOLDEN_FROM = 1_000
"""So many first rows of a LazyFrame are looked at for golden ones."""


@dataclass(frozen=True)
class WholeFit:
    """What a fit has learned, the configuration it learned with, and the rows that it keeps for judging."""

    fitted: FittedPipeline
    resolved: Resolved
    some_rows: pl.DataFrame
    held_out: pl.DataFrame | None = None
    tuned: Tuned | None = None
    found: AutoResult | None = None


def fits_lazily(resolved: Resolved) -> bool:
    """Say whether a LazyFrame is learned from without collecting it."""
    whole = resolved.tuning is not None or resolved.validation is not None or resolved.auto is not None
    return not whole and streams(resolved)


def fit_lazily(resolved: Resolved, frame: pl.LazyFrame, report: Report) -> WholeFit:
    """Learn from rows that memory does not hold. Raises InvalidConfigError and DataError."""
    schema = _checked_schemas(resolved, {SOURCE: frame})[SOURCE]
    fitted = fit_streaming(resolved, frame, schema, report)
    some = normalise(frame.head(_GOLDEN_FROM).collect())
    fitted = replace(fitted, golden=golden_rows(fitted, some), background=background_rows(fitted, some))
    report(1.0, "done")
    return WholeFit(fitted, resolved, _drawn(some))


def fit_whole(
    given: Resolved,
    frames: Frames,
    tell: Report,
    *,
    on_trial: Callable[[Trial], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[WholeFit, pl.DataFrame]:
    """Learn from the training rows; return these too, as they come out of the last step.

    Raises InvalidConfigError and DataError.
    """
    began = time.monotonic()
    polars = {name: to_polars(frame) for name, frame in tables_of(frames, given.sources).items()}
    schema = _checked_schemas(given, polars)[given.main_source]
    tables = {name: normalise(frame) for name, frame in polars.items()}
    resolved, found, tuned = given, None, None
    if given.validation is not None:
        from skyulf_core.validation.decidable import check_decidable  # above this layer, as searches are

        check_decidable(given, tables, schema)
    if given.auto is not None:
        from skyulf_core.automl.search import search

        found = search(given, tables, schema, _watch(tell, on_trial, should_stop), began=began)
        tell = part_of(tell, _SEARCHING_SHARE, 1.0)
    if resolved.tuning is not None:
        from skyulf_core.tuning.tuning import tune_resolved

        tuned = tune_resolved(resolved, tables, schema, _watch(tell, on_trial, should_stop))
        resolved, tell = tuned.resolved, part_of(tell, _SEARCHING_SHARE, 1.0)

    def train(wanted: Resolved) -> tuple[Trainer, FittedPipeline]:
        trainer = Trainer(wanted, tables, schema, tell)
        return trainer, trainer.run()

    if found is None:
        trainer, fitted = train(resolved)
    else:
        from skyulf_core.automl.finishing import finished

        found, (trainer, fitted) = finished(found, train)
        resolved = found.resolved
    if resolved.validation is not None:
        from skyulf_core.validation.deciding import decide

        tell, told = part_of(tell, _DECIDING_SHARE, 1.0), part_of(tell, 0.0, _DECIDING_SHARE)
        fitted = decide(fitted, resolved, tables, schema, trainer.splits.validation, report=told)
    fitted = _with_rows(_judged(fitted, trainer, tell), trainer)
    fit = WholeFit(fitted, resolved, _drawn(trainer.raw), _held_out(trainer), tuned, found)
    tell(1.0, "done")
    return fit, trainer.splits.train.features


def _watch(tell: Report, on_trial: Callable[[Trial], None] | None, should_stop: Callable[[], bool] | None) -> Watch:
    from skyulf_core.tuning.study import Watch  # only who searches needs it

    return Watch(on_trial, part_of(tell, 0.0, _SEARCHING_SHARE), should_stop)


def _judged(fitted: FittedPipeline, trainer: Trainer, tell: Report) -> FittedPipeline:
    """Return it with its evaluation on held-out rows, where there are any; without a target, else on training rows."""
    held_out = trainer.raw_test is not None
    if fitted.model is None or not (held_out or fitted.task in UNSUPERVISED):
        return fitted
    tell((len(fitted.steps) + 1) / (len(fitted.steps) + 2), "evaluation")
    rows = trainer.splits.test if held_out else trainer.splits.train
    evaluation = evaluate_model(fitted, fitted.model, rows.features, rows.target, weights=rows.weights)
    details = dict(evaluation.details)
    if fitted.task in UNSUPERVISED:
        details["judged_on"] = "held out" if held_out else "training"
    elif fitted.evaluation is not None:  # of folds, where there was a validation
        details["cross_validation"] = fitted.evaluation.details["cross_validation"]
    return replace(fitted, evaluation=replace(evaluation, details=details))


def _with_rows(fitted: FittedPipeline, trainer: Trainer) -> FittedPipeline:
    """Return it with the rows that its bundle keeps: golden ones, and those that explanations compare with."""
    return replace(
        fitted,
        golden=golden_rows(fitted, trainer.raw if trainer.raw_test is None else trainer.raw_test),
        background=background_rows(fitted, trainer.some_train(CANDIDATES)),
    )


def _checked_schemas(resolved: Resolved, data: Mapping[str, pl.DataFrame | pl.LazyFrame]) -> dict[str, Schema]:
    schemas = {name: schema_of(frame) for name, frame in data.items()}
    found = check_resolved(resolved, schemas)
    if found.problems:
        raise InvalidConfigError(found.problems)
    return schemas


def _held_out(trainer: Trainer) -> pl.DataFrame | None:
    """Return the test rows as they were given, with their target and weights."""
    raw, test = trainer.raw_test, trainer.splits.test
    if raw is None or raw.height != len(test):
        return None
    return raw.with_columns(part for part in (test.target, test.weights) if part is not None)


def _drawn(rows: pl.DataFrame) -> pl.DataFrame:
    return rows if rows.height <= _SOME_ROWS else rows.sample(_SOME_ROWS, seed=0)
