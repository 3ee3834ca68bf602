"""Weights of rows: how much each counts when the model learns and when its answers are judged.

They are a column of the main table, set apart like the target, and travel with the rows through every step. Steps do
not weigh rows. Predictions need no weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import ModelCalculator, NodeConfig, Resampler
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.layout import Placed
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import DataError, Problem, nearest_column
from skyulf_core.schema import NUMERIC, Schema

_MOST_NAMED = 8
MOST = 1e150
"""Weights beyond it have sums and squares that are no numbers."""


def weight_problems(resolved: Resolved) -> Iterator[Problem]:
    """Yield what keeps a model from being given weights, found without data."""
    model, name, placed = resolved.model, resolved.weights, _placed(resolved)
    if placed is None or name is None:
        return
    pointer, title = f"{placed.pointer}/weights", placed.node
    if name == resolved.target:
        message = f"{name!r} is the target; the weights of rows are another column."
        yield Problem(pointer, message, "target-as-weights", title, "weights", "Name another column.")
    calculator = None if model is None else model.entry.calculator
    if (
        isinstance(calculator, ModelCalculator)
        and model is not None
        and model.config is not None
        and not calculator.takes_weights(model.config)
    ):
        message = f"{title} cannot weigh rows{' as configured' if calculator.weighted else ''}."
        hint = f"Leave weights out, or choose a model that takes them, as {_others(calculator)}."
        yield Problem(pointer, message, "weights-not-supported", title, "weights", hint)
    for step in resolved.known_steps:
        if isinstance(step.entry.calculator, Resampler):
            message = f"{step.entry.name} makes another set of training rows, and nothing says what those weigh."
            hint = f"Leave {step.entry.name} out and weigh the rows, or leave the weights out."
            yield Problem(f"{step.placed.pointer}/node", message, "resampled-weights", step.entry.name, "node", hint)


def _placed(resolved: Resolved) -> Placed | None:
    """Return where the model stands, be it one or the search for one."""
    chosen = resolved.auto or resolved.model
    return None if chosen is None else chosen.placed


def _others(model: ModelCalculator[NodeConfig]) -> str:
    """Return some models of the same task that take weights."""
    found = []
    for name in NodeRegistry.names():
        other = NodeRegistry.get(name).calculator
        if isinstance(other, ModelCalculator) and other.task == model.task and other.weighted:
            found.append(name)
    return ", ".join(found[:_MOST_NAMED]) + (", …" if len(found) > _MOST_NAMED else "")


def weight_column_problems(resolved: Resolved, schema: Schema) -> Iterator[Problem]:
    """Yield what is wrong with the column of the weights."""
    placed, name = _placed(resolved), resolved.weights
    if placed is None or name is None or name == resolved.target:
        return
    pointer, title, column = f"{placed.pointer}/weights", placed.node, schema.find(name)
    if column is None:
        message = f"There is no column {name!r} to weigh rows by."
        yield Problem(pointer, message, "unknown-column", title, "weights", nearest_column(name, schema.names))
    elif column.dtype not in NUMERIC:
        message = f"Column {name!r} is {column.dtype}; weights are numbers of at least 0."
        yield Problem(pointer, message, "wrong-type", title, "weights", "Name a column of numbers.")


def check_weights(weights: pl.Series) -> pl.Series:
    """Return weights as floats.

    Raises DataError for what is no number, for missing, negative and infinite weights, and where all are 0.
    """
    name = weights.name
    if not weights.dtype.is_numeric():
        message = f"the weights {name!r} are {weights.dtype}; they must be numbers of at least 0"
        raise DataError(message, reason="wrong-type", column=name)
    values = weights.cast(pl.Float64).fill_nan(None)
    nulls, negative = values.null_count(), int((values < 0).sum())
    if nulls:
        message = f"the weights {name!r} are missing in {nulls} of {len(values)} rows; fill them in (1: as the others)"
        raise DataError(message, reason="missing-weights", column=name)
    if negative:
        message = f"the weights {name!r} are below 0 in {negative} of {len(values)} rows; 0 leaves a row out of account"
        raise DataError(message, reason="negative-weights", column=name)
    if bool((values > MOST).any()):
        message = f"the weights {name!r} hold infinite values, or such beyond {MOST:.0e}; scale them"
        raise DataError(message, reason="infinite-weights", column=name)
    if len(values) and not bool((values > 0).any()):
        raise DataError(f"the weights {name!r} are 0 in all rows", reason="zero-weights", column=name)
    return values


def weight_values(weights: pl.Series | None) -> NDArray[np.float64] | None:
    """Return the weights of some rows as models and metrics want them. Raises DataError where all are 0."""
    if weights is None or not len(weights):
        return None
    values = weights.cast(pl.Float64).to_numpy()
    if not values.any():
        message = f"the weights {weights.name!r} are 0 in all rows that are learned from or judged"
        raise DataError(message, reason="zero-weights", column=weights.name)
    return values
