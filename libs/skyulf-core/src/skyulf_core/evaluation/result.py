"""What an evaluation says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

if TYPE_CHECKING:
    from skyulf_core.nodes.base import Task

MAX_POINTS = 200


@dataclass(frozen=True)
class Evaluation:
    """Metrics by name (those that are defined for the rows at hand), and details as JSON values.

    Details of a classification: `classes` (precision, recall, f1, support of each), `confusion_matrix` (rows: truth,
    columns: prediction, in the order of `labels`), `roc_curves`, `pr_curves`, `calibration_curves` and `gain_curves`
    (with the lift). Of a regression: `residuals`. Of clusterings and detectors of anomalies see `evaluate_clustering`
    and `evaluate_anomaly`; `judged_on` says there whether the rows were held out or those of training.
    """

    task: Task
    rows: int
    metrics: dict[str, float]
    details: dict[str, JsonValue] = field(default_factory=dict)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values: no NaN, no infinity."""
        metrics = cast("dict[str, JsonValue]", dict(self.metrics))
        return {"task": self.task, "rows": self.rows, "metrics": metrics, **self.details}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Evaluation:
        """Read what `to_dict` returned."""
        details = {key: value for key, value in data.items() if key not in ("task", "rows", "metrics")}
        return cls(
            task=cast("Task", data["task"]),
            rows=int(str(data["rows"])),
            metrics=dict(cast("dict[str, float]", data["metrics"])),
            details=cast("dict[str, JsonValue]", details),
        )


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """Keep the metrics that are numbers."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def thinned(*arrays: NDArray[np.floating]) -> list[list[JsonValue]]:
    """Return equally long arrays as lists of at most MAX_POINTS, the first and last point among them."""
    size = len(arrays[0])
    keep = np.unique(np.linspace(0, size - 1, min(size, MAX_POINTS)).round().astype(np.int64))
    return [cast("list[JsonValue]", array[keep].tolist()) for array in arrays]
