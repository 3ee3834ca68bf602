"""A fitted pipeline applied to new rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.align import align, align_lazy
from skyulf_core.fitted import FittedModel, FittedPipeline
from skyulf_core.nodes.base import Label, ModelApplier, ModelCalculator, NodeConfig
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.flow import apply_graph
from skyulf_core.pipeline.fusing import apply_chain, fuses, naming, scan_chain
from skyulf_core.problems import DataError, NotFittedError


def features_of(fitted: FittedPipeline, data: pl.DataFrame) -> pl.DataFrame:
    """Return raw rows as they come out of the last step. Raises DataError for missing columns and wrong types."""
    try:
        current = align(data, fitted.input_schema, optional=fitted.optional_columns())
    except DataError as error:
        node = _reader(fitted, error.column) if error.reason == "missing-column" else None
        raise DataError(error.message, reason=error.reason, column=error.column, node=node) from error
    current = apply_chain(fitted.steps, current) if fitted.linear else apply_graph(fitted, current)
    return current if fitted.model is None else current.select(fitted.model.features)


def _reader(fitted: FittedPipeline, column: str | None) -> str | None:
    """Return the first node that names a column of the data, or has learned from it."""
    for step in fitted.steps:
        config = NodeRegistry.get(step.node).config_model.model_validate(step.config)
        learned = step.params.get("columns")
        named = [name for _, name in config.named_columns()]
        if column in named or (isinstance(learned, list) and column in learned):
            return step.node
    return fitted.model.node if fitted.model is not None and column in fitted.model.features else None


def query_of(fitted: FittedPipeline, frame: pl.LazyFrame) -> pl.LazyFrame | None:
    """Return what `features_of` does as one query over a lazy frame; None where a step must look at values."""
    if not fitted.linear or not all(fuses(step) for step in fitted.steps):
        return None
    query = align_lazy(frame, fitted.input_schema)
    if query is None:
        return None
    query = scan_chain(fitted.steps, query)
    return query if fitted.model is None else query.select(fitted.model.features)


def check_features(features: pl.DataFrame, model: str, config: Mapping[str, object] | NodeConfig) -> None:
    """Raise DataError for features that are no numbers, infinite, or missing where the model has no rule for it."""
    for column in features.iter_columns():
        if not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
            message = f"column {column.name!r} is {column.dtype}; models work on numbers"
            raise DataError(message, reason="wrong-type", column=column.name, node=model)
        if column.dtype.is_float() and bool(column.is_infinite().any()):
            message = f"column {column.name!r} holds infinite values; put an InvalidValueReplacement (rule inf) before"
            raise DataError(message, reason="not-finite", column=column.name, node=model)
        if column.null_count() and not _takes_missing(model, config):
            message = (
                f"column {column.name!r} is missing in {column.null_count()} rows, and the model has no rule for that; "
                "add a SimpleImputer, or choose a hist_gradient_boosting model"
            )
            raise DataError(message, reason="missing-values", column=column.name, node=model)


def _takes_missing(model: str, config: Mapping[str, object] | NodeConfig) -> bool:
    calculator = NodeRegistry.get(model).calculator
    if not isinstance(calculator, ModelCalculator):
        return False
    parsed = config if isinstance(config, NodeConfig) else calculator.config_model.model_validate(dict(config))
    return calculator.takes_missing(parsed)


def predict_codes(model: FittedModel, features: pl.DataFrame) -> NDArray[np.generic]:
    """Return class codes or values of rows that came out of the last step."""
    check_features(features, model.node, model.config)
    with naming(model.node):
        return _applier(model).predict(features, model.params)


def predict_probabilities(model: FittedModel, features: pl.DataFrame) -> NDArray[np.float64] | None:
    """Return rows x classes, or None for a model without probabilities."""
    check_features(features, model.node, model.config)
    with naming(model.node):
        return _applier(model).predict_proba(features, model.params)


def predict_both(model: FittedModel, features: pl.DataFrame) -> tuple[NDArray[np.generic], NDArray[np.float64] | None]:
    """Return class codes or values, and probabilities (None for a model without), in one run where that is cheaper."""
    check_features(features, model.node, model.config)
    with naming(model.node):
        return _applier(model).answers(features, model.params)


def predict_scores(model: FittedModel, features: pl.DataFrame) -> NDArray[np.float64] | None:
    """Return how normal each row is (below 0: an anomaly), or None for a model that detects no anomalies."""
    check_features(features, model.node, model.config)
    with naming(model.node):
        return _applier(model).decision_function(features, model.params)


def _applier(model: FittedModel) -> ModelApplier:
    applier = NodeRegistry.get(model.node).applier
    if not isinstance(applier, ModelApplier):
        raise NotFittedError(f"{model.node} is not a model")
    return applier


def labels_of(codes: NDArray[np.generic], classes: tuple[Label, ...] | None) -> NDArray[np.generic]:
    """Return labels for codes; values of a regression as they are."""
    if classes is None:
        return codes
    kinds = {type(label) for label in classes}
    table = np.array(classes, dtype=None if len(kinds) == 1 and str not in kinds else object)
    return table[codes.astype(np.int64)]
