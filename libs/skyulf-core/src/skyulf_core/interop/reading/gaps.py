"""Imputers, and indicators of what was missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
import polars as pl

from skyulf_core.interop.reading.line import Line, Step
from skyulf_core.nodes.imputation.missing_indicator import MissingIndicatorConfig
from skyulf_core.params import Params, Scalar


def is_missing(value: object) -> bool:
    """Say whether a value stands for a missing one: None, NaN, pandas.NA."""
    return value is None or type(value).__name__ == "NAType" or _is_nan(value)


def _is_nan(value: object) -> TypeGuard[float]:
    return isinstance(value, float | np.floating) and bool(value != value)


def scalar_of(step: Step, name: str, value: object, dtype: pl.DataType) -> Scalar:
    """Return a learned value as one of the type of its column."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str if dtype == pl.String else bool) and dtype in (pl.String, pl.Boolean):
        return value
    if not (isinstance(value, int | float) and dtype.is_numeric()):
        step.refuse(f"it learned {value!r} for column {name!r}, which holds {dtype}")
    return int(value) if dtype.is_integer() and float(value).is_integer() else float(value)


def read_simple_imputer(line: Line, step: Step) -> list[str]:
    """Read one value per column."""
    _only_nulls(step)
    settings = step.settings("SimpleImputer", free=("missing_values", "add_indicator", "keep_empty_features"))
    learned = dict(zip(step.columns, step.estimator.statistics_, strict=True))
    dropped = [name for name, value in learned.items() if is_missing(value)]
    columns = [name for name in step.columns if name not in dropped]
    flags = _flags(line, step)
    kept, columns = columns, [name for name in columns if name not in line.complete]
    booleans = [name for name in columns if line.frame.schema[name] == pl.Boolean and _is_number(learned[name])]
    if booleans:
        line.add(step, "Casting", {"types": dict.fromkeys(booleans, "float64")})
    values = [scalar_of(step, name, learned[name], line.frame.schema[name]) for name in columns]
    line.add(step, "SimpleImputer", {**settings, "columns": columns}, Params(columns=columns, values=values))
    line.drop(step, dropped)
    line.complete.update(columns)
    return [*kept, *flags]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def read_knn_imputer(line: Line, step: Step) -> list[str]:
    """Read the rows that values are taken from."""
    _only_nulls(step)
    matrix = np.asarray(step.estimator._fit_X, np.float64)
    if np.isnan(matrix).all(axis=0).any():
        step.refuse("a column had no value in training; supported are columns with one at least")
    fixed = {"columns": step.columns, "max_samples": max(10_000, len(matrix))}
    free = ("missing_values", "add_indicator", "keep_empty_features")
    settings = step.settings("KNNImputer", fixed=fixed, free=free)
    flags = _flags(line, step)
    params = Params(
        columns=step.columns,
        matrix=np.ascontiguousarray(matrix),
        n_neighbors=int(step.estimator.n_neighbors),
        weights=step.estimator.weights,
    )
    line.add(step, "KNNImputer", settings, params)
    line.complete.update(step.columns)
    return [*step.columns, *flags]


def read_missing_indicator(line: Line, step: Step) -> list[str]:
    """Read which columns get an indicator; the columns themselves are left out."""
    _only_nulls(step)
    flags = _indicators(line, step, step.estimator.features_)
    line.drop(step, step.columns)
    return flags


def _only_nulls(step: Step) -> None:
    if not is_missing(step.estimator.missing_values):
        value = step.estimator.missing_values
        step.refuse(f"its parameter missing_values is {value!r}; supported are NaN, None and pandas.NA")


def _flags(line: Line, step: Step) -> list[str]:
    """Add the indicators that an imputer was asked for; they must look before the gaps are filled."""
    if not step.estimator.add_indicator:
        return []
    return _indicators(line, step, step.estimator.indicator_.features_)


def _indicators(line: Line, step: Step, positions: Sequence[int]) -> list[str]:
    columns = [step.columns[position] for position in positions]
    outputs = line.new_names([f"{name}{MissingIndicatorConfig().suffix}" for name in columns])
    config = {"columns": columns, "features": "all"}
    line.add(step, "MissingIndicator", config, Params(columns=columns, outputs=outputs))
    line.complete.update(outputs)
    return outputs
