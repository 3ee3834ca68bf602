"""Models that learn without a target: clusterings and detectors of anomalies."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import ConfigT, Kind, ModelCalculator
from skyulf_core.params import Params


class UnsupervisedCalculator(ModelCalculator[ConfigT]):
    """Trains a model of features alone. Where rows have a target, it is there to compare with, and never seen here.

    Registered as every model; `task` is `clustering` (predictions are numbers of clusters from 0, -1 for none) or
    `anomaly` (1, and -1 for an anomaly, as scikit-learn has them).
    """

    kind: ClassVar[Kind] = Kind.LEARNED

    @abstractmethod
    def learn(self, features: pl.DataFrame, config: ConfigT, *, weights: NDArray[np.float64] | None = None) -> Params:
        """Train on the features; return arrays and JSON values, never an estimator. Raises DataError."""

    def fit(
        self,
        features: pl.DataFrame,
        target: NDArray[np.generic] | None,
        config: ConfigT,
        *,
        weights: NDArray[np.float64] | None = None,
    ) -> Params:
        """Train; whatever is given as the target is not looked at."""
        return self.learn(features, config, weights=weights)

    def clusters(self, params: Params) -> tuple[int, ...] | None:
        """Return the clusters that rows have probabilities of; None where a model has no probabilities."""
        return None
