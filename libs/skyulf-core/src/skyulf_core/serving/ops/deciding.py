"""From probabilities to the label of a class that wins by a threshold of its own: the decide operation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skyulf_core.serving.ops.base import Columns, Op, Row, RowFunction, operation
from skyulf_core.serving.ops.linear import PREDICTION, PROBABILITIES


@operation
@dataclass(frozen=True)
class Decide(Op):
    """Write the label of the class with the largest `probability / threshold`; the first of equals wins."""

    op: ClassVar[str] = "decide"
    classes: tuple[bool | int | float | str, ...]
    thresholds: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.classes or len(self.classes) != len(self.thresholds):
            raise ValueError(f"decide: {len(self.thresholds)} thresholds for {len(self.classes)} classes")
        if not all(0.0 < threshold < float("inf") for threshold in self.thresholds):
            raise ValueError(f"decide: thresholds {self.thresholds!r}")

    def row_function(self) -> RowFunction:
        """Decide one row."""
        classes, thresholds = self.classes, self.thresholds

        def run(values: Row) -> None:
            ratios = [p / threshold for p, threshold in zip(values[PROBABILITIES], thresholds, strict=True)]
            values[PREDICTION] = classes[ratios.index(max(ratios))]

        return run

    def batch(self, columns: Columns) -> None:
        """Decide a batch into an object array of labels."""
        labels = np.empty(len(self.classes), object)
        labels[:] = self.classes
        columns[PREDICTION] = labels[np.argmax(columns[PROBABILITIES] / np.array(self.thresholds), axis=1)]

    def makes(self) -> frozenset[str]:
        """Make the prediction."""
        return frozenset({PREDICTION})

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the probabilities."""
        return (after - {PREDICTION}) | {PROBABILITIES}
