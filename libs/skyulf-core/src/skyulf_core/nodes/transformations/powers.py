"""What is learned for a power transform: lambda, and the mean and deviation of what comes out."""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.scaling.statistics import EPSILON, deviation
from skyulf_core.nodes.transformations.functions import PowerName
from skyulf_core.problems import DataError
from skyulf_core.serving.ops.transforms import applied, power_function

LARGEST = 1e150
"""Its square is still finite."""


class LearnedPower(NamedTuple):
    """The transform of one column: `(power(x) - mean) / scale`."""

    lmbda: float = 1.0
    mean: float = 0.0
    scale: float = 1.0


def learn_power(column: pl.Series, method: PowerName, *, standardize: bool) -> LearnedPower:
    """Find the lambda of the greatest likelihood. Raises DataError for values that have none."""
    # sorted: the search ends some 1e-8 from the optimum, where exactly depends on the order of a sum
    values = np.sort(column.cast(pl.Float64).drop_nulls().drop_nans().to_numpy()) + 0.0
    if not len(values):
        return LearnedPower()
    _refuse(column.name, values, method)
    lmbda = 1.0 if _is_constant(values) else _optimum(column.name, values, method)
    if not standardize:
        return LearnedPower(lmbda)
    found = applied(power_function(method, lmbda), values)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(found.mean())
        centred = found - mean
        variance = float((centred**2).mean() - centred.mean() ** 2)
    if not (math.isfinite(mean) and math.isfinite(variance)):
        raise _unusable(column.name, "its values are too large for the transform; scale them first")
    return LearnedPower(lmbda, mean, deviation(mean, variance, len(found)))


def _refuse(name: str, values: NDArray[np.float64], method: PowerName) -> None:
    if max(abs(values[0]), abs(values[-1])) > LARGEST:
        message = f"column {name!r} holds infinite values or numbers too large to transform"
        raise DataError(message, reason="not-finite", column=name)
    if method == "box-cox" and values[0] <= 0.0:
        raise DataError(
            f"column {name!r} holds {float(values[0])!r}: box-cox works on numbers above 0; use yeo-johnson",
            reason="out-of-domain",
            column=name,
        )


def _is_constant(values: NDArray[np.float64]) -> bool:
    mean, variance = values.mean(), values.var()
    bound = len(values) * EPSILON * variance + (len(values) * mean * EPSILON) ** 2
    return bool(values[0] == values[-1] or variance <= bound)


def _optimum(name: str, values: NDArray[np.float64], method: PowerName) -> float:
    from scipy import stats

    search = stats.boxcox if method == "box-cox" else stats.yeojohnson
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            lmbda = float(search(values, lmbda=None)[1])
    except (ValueError, ArithmeticError, RuntimeError) as error:
        raise _unusable(name, "the search failed; scale it first") from error
    if not math.isfinite(lmbda):
        raise _unusable(name, "the search does not end; scale it first")
    return lmbda


def _unusable(name: str, why: str) -> DataError:
    return DataError(f"column {name!r} has no best power: {why}", reason="no-optimum", column=name)
