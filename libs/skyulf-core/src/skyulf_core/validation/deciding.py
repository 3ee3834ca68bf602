"""Choosing what a fitted pipeline decides by: calibration, then threshold, then conformal intervals or sets.

All of it on validation rows or on out-of-fold predictions; the test rows are judged on afterwards, and never seen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.data.splits import Split
from skyulf_core.evaluation.classification import evaluate_classification
from skyulf_core.evaluation.distribution import answer_distribution
from skyulf_core.evaluation.metrics import MetricTask
from skyulf_core.evaluation.regression import evaluate_regression
from skyulf_core.evaluation.result import Evaluation
from skyulf_core.evaluation.rows import Codes, Floats
from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.applying import predict_codes, predict_probabilities
from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.targets import encoded
from skyulf_core.pipeline.weighing import weight_values
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema
from skyulf_core.serving.conformal import Conformal
from skyulf_core.serving.ops import PROBABILITIES
from skyulf_core.validation.calibration import Calibration, cross_calibrated, fit_calibration
from skyulf_core.validation.conformal import fit_intervals, fit_sets
from skyulf_core.validation.decidable import NO_VALIDATION_ROWS
from skyulf_core.validation.decisions import ConformalConfig, ThresholdConfig, Validation
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.result import CrossValidationResult
from skyulf_core.validation.scoring import metrics_of
from skyulf_core.validation.thresholds import Threshold, threshold_by_cost, threshold_by_metric, threshold_by_target


@dataclass(frozen=True)
class Held:
    """Rows that a model has not learned from, and what it says of them; `folds` is None of validation rows."""

    truth: NDArray[np.generic]
    predicted: NDArray[np.generic]
    probabilities: Floats | None
    weights: Floats | None
    folds: Codes | None
    result: CrossValidationResult | None = None


def decide(
    fitted: FittedPipeline,
    resolved: Resolved,
    tables: Mapping[str, pl.DataFrame],
    schema: Schema,
    validation_rows: Split | None,
    *,
    report: Report,
) -> FittedPipeline:
    """Return the fitted pipeline with everything that its `validation` asks for.

    Where no test rows are held out its evaluation is that of the out-of-fold predictions. Raises DataError where there
    are too few rows, no validation rows or no probabilities.
    """
    validation = resolved.validation
    if validation is None:
        raise ValueError("the pipeline has no validation")
    config, soft = validation.config, _gives_probabilities(fitted)
    if fitted.classes is not None and not soft and (config.threshold or config.calibration or config.conformal):
        message = "it gives no probabilities to calibrate or to choose from; put it into a calibrated_classifier"
        raise DataError(message, reason="no-probabilities", node=fitted.model.node if fitted.model else None)
    held = _held(fitted, resolved, tables, schema, validation_rows, report=report)
    calibration = threshold = None
    if fitted.classes is not None and (config.calibration or config.threshold):
        calibration, held = _calibrated(validation, held, fitted)
        threshold = None if config.threshold is None else _threshold(config.threshold, held, fitted)
    corrected = calibration is not None
    conformal = None if config.conformal is None else _conformal(config.conformal, held, fitted, corrected=corrected)
    decided = replace(fitted, calibration=calibration, threshold=threshold, conformal=conformal)
    return decided if held.result is None else replace(decided, evaluation=_evaluated(decided, held, held.result))


def _held(
    fitted: FittedPipeline,
    resolved: Resolved,
    tables: Mapping[str, pl.DataFrame],
    schema: Schema,
    rows: Split | None,
    *,
    report: Report,
) -> Held:
    validation = cast("Validation", resolved.validation)
    there = rows is not None and len(rows) > 0
    if validation.config.on == "validation" and not there:
        raise DataError(NO_VALIDATION_ROWS, reason="no-validation-rows")
    if rows is not None and there and validation.config.on != "out_of_fold":
        return _held_out(fitted, rows)
    plain = replace(resolved, tuning=None, validation=None)
    names = metrics_of(_task(fitted), None, probabilities=_gives_probabilities(fitted))
    validator, results = CrossValidator(plain, tables, schema, validation.cv, metrics=names), []
    for index in range(validator.folds):
        report(index / validator.folds, f"fold {index + 1} of {validator.folds}")
        results.append(validator.run_fold(plain, index))
    oof = validator.oof(results)
    result = CrossValidationResult.of(validator.metrics, results, oof)
    return Held(oof.truth, oof.predictions, oof.probabilities, oof.weights, oof.folds, result)


def _held_out(fitted: FittedPipeline, rows: Split) -> Held:
    if fitted.model is None or fitted.task is None or rows.target is None:
        raise DataError("a model needs a target", reason="missing-target")
    truth = encoded(rows.target, fitted.task, fitted.classes)
    features = rows.features.select(fitted.model.features)
    predicted = predict_codes(fitted.model, features)
    probabilities = None if fitted.classes is None else predict_probabilities(fitted.model, features)
    return Held(truth, predicted, probabilities, weight_values(rows.weights), None)


def _calibrated(validation: Validation, held: Held, fitted: FittedPipeline) -> tuple[Calibration | None, Held]:
    """Return the calibration, and the rows as it answers them: each fold corrected by the others."""
    if validation.config.calibration is None:
        return None, held
    classes, method = fitted.classes or (), validation.config.calibration.method
    known = _probabilities(held)
    given = {"classes": classes, "weights": held.weights}
    learned = fit_calibration(method, held.truth, known, **given)  # type: ignore[arg-type]
    # validation rows are one sample: parts of it, drawn by position, stand for folds
    folds = np.arange(len(known)) % 5 if held.folds is None else held.folds
    corrected = cross_calibrated(method, held.truth, known, folds, **given)  # type: ignore[arg-type]
    return learned, replace(held, probabilities=corrected, predicted=np.argmax(corrected, axis=1))


def _threshold(config: ThresholdConfig, held: Held, fitted: FittedPipeline) -> Threshold:
    known, classes, weights = _probabilities(held), fitted.classes or (), held.weights
    if config.by == "metric":
        return threshold_by_metric(config.metric, held.truth, known, classes=classes, weights=weights)
    if config.by == "cost":
        return threshold_by_cost(config.costs or [], held.truth, known, classes=classes, weights=weights)
    return threshold_by_target(config.by, config.at_least or 0.0, held.truth, known, classes=classes, weights=weights)


def _conformal(config: ConformalConfig, held: Held, fitted: FittedPipeline, *, corrected: bool) -> Conformal:
    # rows that a calibration has learned from as well promise nothing exactly
    exact, coverage, weights = held.folds is None and not corrected, config.coverage, held.weights
    if fitted.classes is None:
        way = "absolute" if config.method == "auto" else config.method
        method = cast('Literal["absolute", "signed", "binned"]', way)
        return fit_intervals(
            held.truth, held.predicted, coverage=coverage, method=method, weights=weights, guaranteed=exact
        )
    known, kind = _probabilities(held), cast('Literal["lac", "aps"]', config.method)
    method_of_sets = "lac" if config.method == "auto" else kind
    return fit_sets(
        held.truth, known, classes=fitted.classes, coverage=coverage, method=method_of_sets, weights=weights,
        guaranteed=exact,
    )  # fmt: skip


def _evaluated(fitted: FittedPipeline, held: Held, result: CrossValidationResult) -> Evaluation:
    """Return the evaluation of the out-of-fold predictions, with the metrics of each fold beside."""
    if fitted.classes is None:
        found = evaluate_regression(held.truth, held.predicted, weights=held.weights)
    else:
        codes = held.predicted
        if fitted.threshold is not None and held.probabilities is not None:
            codes = fitted.threshold.codes(held.probabilities)
        found = evaluate_classification(
            held.truth, codes, held.probabilities, classes=fitted.classes, weights=held.weights
        )
    spread = answer_distribution(held.truth, held.predicted, held.probabilities, fitted.classes)
    folds: dict[str, JsonValue] = {**result.to_dict(), "out_of_fold": spread}
    details = {**found.details, "judged_on": "out of fold", "cross_validation": folds}
    return replace(found, details=details)


def _gives_probabilities(fitted: FittedPipeline) -> bool:
    return any(PROBABILITIES in op.makes() for op in fitted.plan())


def _task(fitted: FittedPipeline) -> MetricTask:
    return "regression" if fitted.classes is None else "classification"


def _probabilities(held: Held) -> Floats:
    if held.probabilities is None:
        raise ValueError("the model gives no probabilities")
    return held.probabilities
