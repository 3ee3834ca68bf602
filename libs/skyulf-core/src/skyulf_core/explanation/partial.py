"""Partial dependence: what a pipeline answers on average where one input column is given a value in every row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.evaluation.rows import Floats
from skyulf_core.explanation.outcomes import json_value, outcomes_of_rows, raw_rows
from skyulf_core.pipeline.sources import Frames
from skyulf_core.problems import DataError, nearest_column
from skyulf_core.serving.plan import label_key

if TYPE_CHECKING:
    from skyulf_core.pipeline.pipeline import Pipeline

_MOST_CATEGORIES = 20


@dataclass(frozen=True)
class PartialDependence:
    """Mean answers at values of a column, one line per output; `low` and `high` hold the middle 80 % of the rows.

    `outputs` names the lines: the second of two classes, each of more, or the target. `distribution` are, of a number,
    its deciles, and of categories their shares: where few rows are, lines say little.
    """

    column: str
    kind: Literal["numeric", "category"]
    values: tuple[JsonValue, ...]
    outputs: tuple[str, ...]
    mean: tuple[tuple[float, ...], ...]
    low: tuple[tuple[float, ...], ...]
    high: tuple[tuple[float, ...], ...]
    distribution: tuple[float, ...]
    unit: str
    rows: int

    def to_dict(self) -> dict[str, JsonValue]:
        """Return JSON values."""
        lines = {name: [list(line) for line in getattr(self, name)] for name in ("mean", "low", "high")}
        rest = {"values": list(self.values), "outputs": list(self.outputs), "distribution": list(self.distribution)}
        return cast("dict[str, JsonValue]", {**vars(self), **lines, **rest})

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> PartialDependence:
        """Read what `to_dict` returned."""
        lines = {name: tuple(map(tuple, cast("list[list[float]]", data[name]))) for name in ("mean", "low", "high")}
        flat = {name: tuple(cast("list[object]", data[name])) for name in ("values", "outputs", "distribution")}
        return cls(**{**data, **lines, **flat})  # type: ignore[arg-type]


def partial_dependence(
    pipeline: Pipeline,
    frames: Frames,
    column: str,
    *,
    grid: int = 20,
    percentiles: tuple[float, float] = (0.05, 0.95),
    most_rows: int = 2_000,
) -> PartialDependence:
    """Return the mean answers of these rows at values of one input column, through the whole pipeline.

    Numbers are looked at where scikit-learn does: at each value where there are fewer than `grid`, else at that many
    places between the percentiles. Of categories the most frequent twenty, of moments twenty from
    the first to the last. Of more than `most_rows` rows some are drawn (seeded). Combinations that cannot be count like
    others. Raises DataError for a column that is not there or empty.
    """
    if grid < 2 or not 0 <= percentiles[0] < percentiles[1] <= 1:
        raise DataError("a grid needs 2 values, and percentiles that rise, as (0.05, 0.95)", reason="bad-grid")
    data, schema = raw_rows(pipeline, frames), pipeline.fitted.input_schema
    if column not in schema.names or column not in data.columns:
        hint = nearest_column(column, schema.names)
        raise DataError(f"there is no input column {column!r}. {hint}", reason="missing-column", column=column)
    data = data if data.height <= most_rows else data.sample(most_rows, seed=0)
    known = data[column].drop_nulls()
    if not len(known):
        raise DataError(f"column {column!r} holds no values in these rows", reason="empty-column", column=column)
    number = known.dtype.is_numeric()
    values = _numbers(known, grid, percentiles) if number else _categories(known)
    names, unit, said = _outputs(pipeline, data, column, values)
    shape = {
        "mean": said.mean(axis=1), "low": np.quantile(said, 0.1, axis=1), "high": np.quantile(said, 0.9, axis=1),
    }  # fmt: skip
    lines = {name: tuple(map(tuple, found.T.tolist())) for name, found in shape.items()}
    return PartialDependence(
        column=column,
        kind="numeric" if number else "category",
        values=tuple(json_value(value) for value in values.to_list()),
        outputs=names,
        distribution=_distribution(known, values, number=number),
        unit=unit,
        rows=data.height,
        **lines,
    )


def _outputs(
    pipeline: Pipeline, data: pl.DataFrame, column: str, values: pl.Series
) -> tuple[tuple[str, ...], str, NDArray[np.float64]]:
    """Return the names of the lines, their unit, and values x rows x lines."""
    fitted, said, kind = pipeline.fitted, list[Floats](), ""
    for place in range(len(values)):
        same = values.gather([place] * data.height).alias(column)
        found = outcomes_of_rows(fitted, data.with_columns(same))
        said.append(found.numbers)
        kind = found.kind
    numbers = np.stack(said)
    if fitted.classes is not None and kind != "score":
        names = [label_key(label) for label in fitted.classes]
        if len(names) == 2:
            names, numbers = names[1:], numbers[:, :, 1:]
        return tuple(names), kind, numbers
    return (fitted.target or "score" if kind == "value" else "score",), kind, numbers[:, :, :1]


def _numbers(known: pl.Series, grid: int, percentiles: tuple[float, float]) -> pl.Series:
    distinct = known.unique().sort()
    if len(distinct) < grid:
        return distinct
    numbers = np.sort(known.cast(pl.Float64).to_numpy())
    low, high = (_quantile(numbers, share) for share in percentiles)
    found = pl.Series(known.name, np.linspace(low, high, grid))
    return found.round().cast(known.dtype).unique().sort() if known.dtype.is_integer() else found.unique().sort()


def _categories(known: pl.Series) -> pl.Series:
    """Return the most frequent values; of moments some that are spread over all."""
    if not known.dtype.is_temporal():
        return known.value_counts(sort=True)[known.name][:_MOST_CATEGORIES]
    distinct = known.unique().sort()
    places = np.linspace(0, len(distinct) - 1, min(_MOST_CATEGORIES, len(distinct))).round().astype(np.int64)
    return distinct.gather(places)


def _quantile(ordered: NDArray[np.float64], share: float) -> float:
    """Return what `scipy.stats.mstats.mquantiles` returns, which scikit-learn's grid begins and ends with."""
    place = len(ordered) * share + 0.4 + share * 0.2
    below = int(np.clip(np.floor(place), 1, len(ordered) - 1))
    part = float(np.clip(place - below, 0.0, 1.0))
    return float((1 - part) * ordered[below - 1] + part * ordered[below])


def _distribution(known: pl.Series, values: pl.Series, *, number: bool) -> tuple[float, ...]:
    if number:
        return tuple(np.quantile(known.cast(pl.Float64).to_numpy(), np.linspace(0, 1, 11)).tolist())
    return tuple(float((known == value).sum()) / len(known) for value in values.to_list())
