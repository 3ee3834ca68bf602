"""Cross-validating a pipeline: all its folds, or a choice on inner ones that outer ones judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.sources import Frames
from skyulf_core.problems import InvalidConfigError, Problem
from skyulf_core.validation.config import CrossValidation, Nested, read_cv
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.parts import silent
from skyulf_core.validation.result import CrossValidationResult

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

Choose: TypeAlias = Callable[[CrossValidator], Resolved]
"""Returns the configuration that is best on the folds of a validator."""


def cross_validate(
    pipeline: Pipeline,
    frame: Frames,
    cv: CrossValidation | Mapping[str, object],
    *,
    metrics: Sequence[str] | None = None,
    choose: Choose | None = None,
    report: Report | None = None,
) -> CrossValidationResult:
    """Judge a pipeline on the folds of its training rows; the pipeline itself stays what it is.

    In a nested validation `choose` is given the inner folds of each outer one, and returns the configuration that the
    outer test rows judge. Nothing else is searched or chosen: the keys `tuning` and `validation` are not looked at.
    `report` is told the fraction done and the fold. Raises InvalidConfigError and DataError, before the first fit for
    everything that can be known before.
    """
    mode = read_cv(cv)
    if isinstance(mode, Nested) != (choose is not None):
        raise InvalidConfigError([_choice_problem(mode)])
    validator, tell = CrossValidator.of(pipeline, frame, mode, metrics=metrics), report or silent
    if isinstance(mode, Nested):
        inner = [validator.within(index) for index in range(validator.folds)]  # all refusals before the first fit
    results = []
    for index in range(validator.folds):
        tell(index / validator.folds, f"fold {index + 1} of {validator.folds}")
        chosen = pipeline.resolved if choose is None else choose(inner[index])
        results.append(validator.run_fold(chosen, index))
    tell(1.0, "done")
    return CrossValidationResult.of(validator.metrics, results, validator.oof(results))


def _choice_problem(mode: CrossValidation) -> Problem:
    if isinstance(mode, Nested):
        message = "Nested folds judge a choice, and there is nothing to choose from."
        hint = "Give `choose`, tune with this cv, or judge the pipeline by the outer folds alone."
    else:
        message = f"{mode.type} has no inner folds to choose on."
        hint = f"Write {{type: nested, outer: {{type: {mode.type}}}, inner: …}}."
    return Problem("/cv/type", message, "no-choice", field="type", suggestion=hint)
