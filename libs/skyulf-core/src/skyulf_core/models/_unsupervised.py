"""What clusterings and detectors of anomalies share: predicting through their own plan."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.models._base import PlanApplier, refuse_nulls, to_matrix
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import DECISION, PREDICTION

MOST = 1e100
"""Sums of squares of numbers beyond it may be none."""
Contamination: TypeAlias = Literal["auto"] | Annotated[float, Field(gt=0.0, le=0.5)]
CONTAMINATION: Any = Field(
    "auto",
    title="Contamination",
    description="Share of the training rows that are anomalies; auto: by a threshold of the original paper.",
)


class ClusterApplier(PlanApplier):
    """Says the number of each row's cluster; -1 for none."""

    def predict(self, features: pl.DataFrame, params: Params) -> NDArray[np.generic]:
        """Return numbers of clusters."""
        return np.concatenate([part[PREDICTION].astype(np.int64) for part in self._run(features, params)])


class AnomalyApplier(PlanApplier):
    """Says -1 of an anomaly and 1 of any other row, and how normal a row is."""

    def predict(self, features: pl.DataFrame, params: Params) -> NDArray[np.generic]:
        """Return 1 and -1 (an anomaly)."""
        return np.concatenate([part[PREDICTION].astype(np.int64) for part in self._run(features, params)])

    def decision_function(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64] | None:
        """Return how normal each row is: below 0 it is an anomaly."""
        return self.decisions(features, params)

    def decisions(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64]:
        """Return the same."""
        return np.concatenate([part[DECISION].astype(np.float64) for part in self._run(features, params)])


def matrix_of(features: pl.DataFrame, node: str, *, at_least: int, what: str) -> NDArray[np.float64]:
    """Return rows x columns without nulls, row after row. Raises DataError where that cannot be.

    There must be `at_least` rows for `what` the model looks for.
    """
    refuse_nulls(features, node)
    for column in features.iter_columns():
        largest = column.cast(pl.Float64).abs().max()
        if isinstance(largest, float) and largest > MOST:
            message = f"column {column.name!r} holds numbers beyond {MOST:.0e}; scale it first"
            raise DataError(message, reason="too-large", column=column.name, node=node)
    if features.height < at_least:
        rows = f"{features.height} row{' is' if features.height == 1 else 's are'}"
        message = f"{rows} too few for {what}; take more rows, or ask for less"
        raise DataError(message, reason="too-few-rows", node=node)
    return np.ascontiguousarray(to_matrix(features), np.float64)
