"""Learning curves: how much better a pipeline is with more rows to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from pydantic import JsonValue

from skyulf_core.data.frames import to_polars
from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.sources import Frames, tables_of
from skyulf_core.problems import DataError
from skyulf_core.validation.crossing import cross_validate
from skyulf_core.validation.parts import silent

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

_FOLDS = 3


@dataclass(frozen=True)
class LearningCurve:
    """A metric by the number of rows learned from: mean and spread (standard deviation) of the folds."""

    metric: str
    rows: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        return {"metric": self.metric, "rows": list(self.rows), "mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> LearningCurve:
        """Read what `to_dict` returned."""
        rows, mean, std = (tuple(cast("list[float]", data[name])) for name in ("rows", "mean", "std"))
        return cls(str(data["metric"]), tuple(map(int, rows)), mean, std)


def learning_curve(
    pipeline: Pipeline,
    frames: Frames,
    *,
    metric: str,
    shares: Sequence[float] = (0.1, 0.25, 0.5, 0.75, 1.0),
    folds: int = _FOLDS,
    random_state: int = 0,
    report: Report | None = None,
) -> LearningCurve:
    """Cross-validate a pipeline on growing parts of these rows, drawn at random, each holding those before.

    The rows that its splitter holds out stay out. Rows in order of time are drawn and put back in order. Raises
    DataError for shares that are none, and where a part is too small for the folds.
    """
    if not shares or not all(0 < share <= 1 for share in shares):
        raise DataError("shares of the rows are above 0 and at most 1, as (0.1, 0.5, 1)", reason="bad-shares")
    tables = {name: to_polars(each) for name, each in tables_of(frames, pipeline.resolved.sources).items()}
    main, tell = pipeline.main_source, report or silent
    order = np.random.default_rng(random_state).permutation(tables[main].height)
    rows, mean, std = [], [], []
    for number, share in enumerate(sorted(shares)):
        tell(number / len(shares), f"{share:.0%} of the rows")
        part = tables[main][np.sort(order[: max(1, round(share * len(order)))])]
        given: Frames = {**tables, main: part} if pipeline.resolved.sources else part
        cv = {"type": "k_fold", "folds": folds, "random_state": random_state}
        found = cross_validate(pipeline, given, cv, metrics=[metric])
        rows.append(len(found.oof.rows) * (folds - 1) // folds)
        mean.append(found.mean.get(metric, float("nan")))
        std.append(found.std.get(metric, float("nan")))
    known = [place for place, value in enumerate(mean) if np.isfinite(value)]
    picked = (tuple(values[place] for place in known) for values in (mean, std))
    return LearningCurve(metric, tuple(rows[place] for place in known), *picked)
