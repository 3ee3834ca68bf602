"""The splits of a dataset: features and target kept side by side, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Some rows: their features and, where there are any, their target and their weights (numbers of at least 0)."""

    features: pl.DataFrame
    target: pl.Series | None = None
    weights: pl.Series | None = None

    def take(self, rows: NDArray[np.int64]) -> Split:
        """Return these rows, in this order, features, target and weights together."""
        if len(rows) == len(self) and bool((rows == np.arange(len(rows))).all()):
            return self
        target = None if self.target is None else self.target.gather(rows)
        weights = None if self.weights is None else self.weights.gather(rows)
        return Split(self.features[rows], target, weights)

    def with_features(self, features: pl.DataFrame) -> Split:
        """Return the same rows with other features. Raises ValueError where the number of rows differs."""
        if features.height != self.features.height:
            raise ValueError(f"{features.height} rows for a target of {self.features.height}")
        return Split(features, self.target, self.weights)

    def __len__(self) -> int:
        return self.features.height


@dataclass(frozen=True)
class SplitDataset:
    """Training rows, held-out test rows and, where asked for, validation rows."""

    train: Split
    test: Split
    validation: Split | None = None
