"""Permutation importance: how much worse a pipeline is where a column of held-out rows is shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl
from pydantic import JsonValue

from skyulf_core.evaluation.metrics import DEFAULT_METRICS, METRICS, greater_is_better, metric_function
from skyulf_core.evaluation.rows import Rows
from skyulf_core.explanation.outcomes import judged_rows, raw_rows, read_columns
from skyulf_core.pipeline.sources import Frames
from skyulf_core.problems import DataError, nearest_column

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

_SEEDS = 2**31


@dataclass(frozen=True)
class PermutationImportance:
    """How much worse a metric is, in its own unit, without what a column says: each repeat, their mean and spread."""

    column: str
    mean: float
    std: float
    repeats: tuple[float, ...]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {"column": self.column, "mean": self.mean, "std": self.std, "repeats": list(self.repeats)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> PermutationImportance:
        """Read what `to_dict` returned."""
        repeats = tuple(map(float, cast("list[float]", data["repeats"])))
        return cls(str(data["column"]), float(cast("float", data["mean"])), float(cast("float", data["std"])), repeats)


@dataclass(frozen=True)
class PermutationImportances:
    """The columns, the most important first; `score` is the metric where nothing is shuffled."""

    metric: str
    score: float
    rows: int
    columns: tuple[PermutationImportance, ...]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        found: list[JsonValue] = [each.to_dict() for each in self.columns]
        return {"metric": self.metric, "score": self.score, "rows": self.rows, "columns": found}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> PermutationImportances:
        """Read what `to_dict` returned."""
        columns = cast("list[dict[str, object]]", data["columns"])
        read = tuple(PermutationImportance.from_dict(each) for each in columns)
        return cls(str(data["metric"]), float(cast("float", data["score"])), int(cast("int", data["rows"])), read)


def permutation_importance(
    pipeline: Pipeline,
    frames: Frames,
    *,
    metric: str | None = None,
    repeats: int = 5,
    columns: Sequence[str] | None = None,
    random_state: int = 0,
) -> PermutationImportances:
    """Shuffle each input column of held-out rows, `repeats` times, and measure how much worse the metric is.

    Rows go through the whole pipeline. They are shuffled as scikit-learn's `permutation_importance` does with the same
    seed. A metric is one of `evaluation.metrics` (`roc_auc` or `r2`, or `balanced_accuracy` of a model without
    probabilities); of one that is better when small, importances are positive all the same. Columns that say the same
    hide each other: shuffling one leaves the other. Raises DataError for unknown columns or metrics.
    """
    if repeats < 1:
        raise DataError("permutation importance needs 1 repeat or more", reason="bad-repeats")
    data, known = raw_rows(pipeline, frames), read_columns(pipeline.fitted)
    for name in columns or ():
        if name not in pipeline.fitted.input_schema.names:
            hint = nearest_column(name, known)
            raise DataError(f"there is no input column {name!r}. {hint}", reason="missing-column", column=name)
    plain = judged_rows(pipeline, data)
    chosen = metric or default_metric(plain)
    score = _measured(plain, chosen)
    seed = int(np.random.RandomState(random_state).randint(_SEEDS))  # drawn as scikit-learn draws it
    sign = 1.0 if greater_is_better(chosen) else -1.0
    found = []
    for name in known if columns is None else columns:
        drops = [
            sign * (score - _measured(judged_rows(pipeline, shuffled), chosen))
            for shuffled in _shuffled(data, name, repeats, seed)
        ]
        found.append(PermutationImportance(name, float(np.mean(drops)), float(np.std(drops)), tuple(drops)))
    return PermutationImportances(chosen, score, data.height, tuple(sorted(found, key=lambda each: -each.mean)))


def default_metric(rows: Rows) -> str:
    """Return what is measured by where nobody names a metric."""
    if rows.labels is None:
        return DEFAULT_METRICS["regression"]
    best = DEFAULT_METRICS["classification"]
    possible = METRICS[best].needs != "probabilities" or rows.probabilities is not None
    occurring = len(np.unique(rows.truth)) > 1
    return best if possible and occurring else "balanced_accuracy"


def _measured(rows: Rows, metric: str) -> float:
    found = float(metric_function(metric, rows.labels)(rows)[0])
    if not np.isfinite(found):
        raise DataError(
            f"{metric!r} is undefined for these rows; take more rows, or another metric", reason="undefined"
        )
    return found


def _shuffled(data: pl.DataFrame, column: str, repeats: int, seed: int) -> list[pl.DataFrame]:
    rng, places, values = np.random.RandomState(seed), np.arange(data.height), data[column]
    found = []
    for _ in range(repeats):
        rng.shuffle(places)
        values = values.gather(places)  # each shuffles what the one before has left
        found.append(data.with_columns(values))
    return found
