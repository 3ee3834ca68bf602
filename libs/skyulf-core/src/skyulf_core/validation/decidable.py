"""What keeps a pipeline from being decided by, found before anything is learned: searches take hours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from skyulf_core.evaluation.metrics import metric_problem
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.targets import classes_of
from skyulf_core.problems import DataError, InvalidConfigError, Problem, as_sentence
from skyulf_core.schema import Schema
from skyulf_core.validation.calibration import LEAST_ROWS
from skyulf_core.validation.conformal import least_rows
from skyulf_core.validation.decisions import ThresholdConfig, Validation, ValidationConfig
from skyulf_core.validation.divided import Divided, divide
from skyulf_core.validation.engine import CrossValidator
from skyulf_core.validation.parts import task_of
from skyulf_core.validation.thresholds import check_costs, check_count, check_goal

NO_VALIDATION_ROWS = "the splitter holds out no validation rows; set its validation_size, or choose on: out_of_fold"


def check_decidable(resolved: Resolved, tables: Mapping[str, pl.DataFrame], schema: Schema) -> None:
    """Raise InvalidConfigError or DataError where the key `validation` asks for what these rows cannot give.

    What depends on the answers of the model (a recall that no threshold reaches) shows only later.
    """
    validation = resolved.validation
    if validation is None:
        raise ValueError("the pipeline has no validation")
    plain = replace(resolved, tuning=None, validation=None)
    divided = divide(plain, tables)
    rows = _rows(validation, plain, tables, schema, divided)
    target = divided.train.target
    if task_of(plain) == "classification" and target is not None and validation.config.threshold is not None:
        _check_threshold(validation.config.threshold, classes_of(target))
    _check_rows(validation.config, rows)


def _rows(
    validation: Validation, plain: Resolved, tables: Mapping[str, pl.DataFrame], schema: Schema, divided: Divided
) -> int:
    """Return how many rows there are to choose by."""
    if validation.config.on == "validation" and not divided.validation_rows:
        raise DataError(NO_VALIDATION_ROWS, reason="no-validation-rows")
    if validation.config.on != "out_of_fold" and divided.validation_rows:
        return divided.validation_rows
    validator = CrossValidator(plain, tables, schema, validation.cv)
    return sum(len(validator.fold_rows(index).test) for index in range(validator.folds))


def _check_threshold(config: ThresholdConfig, classes: Sequence[object]) -> None:
    check_count(classes)
    if config.by == "cost":
        check_costs(config.costs or [], classes)
    elif config.by != "metric":
        check_goal(config.by, classes)
    elif (text := metric_problem(config.metric, "classification", classes)) is not None:
        pointer = "/validation/threshold/metric"
        raise InvalidConfigError([Problem(pointer, as_sentence(text), "unknown-metric", field="metric")])


def _check_rows(config: ValidationConfig, rows: int) -> None:
    if config.calibration is not None and rows < LEAST_ROWS:
        message = f"calibration needs at least {LEAST_ROWS} rows that were not learned from, not {rows}; take more rows"
        raise DataError(message, reason="too-few-rows")
    if config.conformal is None:
        return
    coverage, least = config.conformal.coverage, least_rows(config.conformal.coverage, config.conformal.method)
    if rows < least:
        message = (
            f"a coverage of {coverage:g} needs at least {least} rows that were not learned from, not {rows}; take more "
            "rows, or promise a smaller coverage"
        )
        raise DataError(message, reason="too-few-rows")
