"""What folds say: one by one, and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.nodes.base import Label
from skyulf_core.validation.folds import Rows


@dataclass(frozen=True)
class FoldResult:
    """What one fold says: `metrics` of its test rows (those that are defined for them), and the predictions.

    `rows` are places among the training rows of the pipeline's splitter, in the order of the other arrays;
    `predictions` are class codes into `CrossValidator.classes` or numbers, `probabilities` rows x classes.
    """

    index: int
    metrics: dict[str, float]
    rows: Rows
    predictions: NDArray[np.generic]
    probabilities: NDArray[np.float64] | None
    seconds: float


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of rows by models that have not learned from them, fold after fold.

    `rows` are places among the training rows; one that several folds hold (repeats, draws) is there several times.
    `predictions` and `truth` are codes into `classes`, or numbers; `folds` is the index of each row's fold.
    """

    rows: Rows
    predictions: NDArray[np.generic]
    probabilities: NDArray[np.float64] | None
    truth: NDArray[np.generic]
    weights: NDArray[np.float64] | None
    folds: Rows
    classes: tuple[Label, ...] | None = None


@dataclass(frozen=True)
class CrossValidationResult:
    """The results of all folds, and their mean and spread (standard deviation) by metric.

    Both are over the folds in which a metric is defined (roc_auc is not where all test rows are of one class); one that
    is defined in none is missing.
    """

    folds: tuple[FoldResult, ...]
    mean: dict[str, float]
    std: dict[str, float]
    oof: OutOfFold

    @classmethod
    def of(cls, metrics: Sequence[str], results: Sequence[FoldResult], oof: OutOfFold) -> CrossValidationResult:
        """Sum up folds."""
        values = {name: [fold.metrics[name] for fold in results if name in fold.metrics] for name in metrics}
        mean = {name: float(np.mean(found)) for name, found in values.items() if found}
        std = {name: float(np.std(found)) for name, found in values.items() if found}
        return cls(tuple(results), mean, std, oof)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return metrics by fold, mean and spread as JSON values, without the predictions."""
        folds: list[JsonValue] = [
            {"index": fold.index, "rows": len(fold.rows), "metrics": {**fold.metrics}, "seconds": fold.seconds}
            for fold in self.folds
        ]
        return {"folds": folds, "mean": {**self.mean}, "std": {**self.std}}
