"""Background rows: some training rows that go into the bundle, so that answers can be explained wherever it is read."""

from __future__ import annotations

import json

import polars as pl
from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline
from skyulf_core.pipeline.applying import check_features, features_of
from skyulf_core.pipeline.golden import as_json
from skyulf_core.problems import DataError
from skyulf_core.serving.explaining.background import LARGEST_BACKGROUND, MOST_BACKGROUND

CANDIDATES = 2 * MOST_BACKGROUND
"""So many rows are looked at: those with infinite numbers cannot be written as JSON."""
_OPAQUE = frozenset({"time", "duration", "other"})
"""Types of columns that are not read back from JSON."""


def background_rows(fitted: FittedPipeline, raw: pl.DataFrame) -> list[dict[str, JsonValue]] | None:
    """Return up to 100 of these raw rows, of at most 1 MiB, without the target; None where none of them is predicted.

    Columns are those that answers depend on.
    """
    if fitted.model is None:
        return None
    optional = fitted.optional_columns()
    read = [column for column in fitted.input_schema if column.name not in optional]
    if not read or any(column.dtype in _OPAQUE for column in read):
        return None
    rows = raw.select(column.name for column in read)
    finite = [~pl.col(name).is_infinite().fill_null(False) for name in rows.columns if rows.schema[name].is_float()]
    kept = (rows.filter(finite) if finite else rows).head(MOST_BACKGROUND)
    return _fitting(as_json(kept)) if kept.height and _is_answered(fitted, kept) else None


def _is_answered(fitted: FittedPipeline, rows: pl.DataFrame) -> bool:
    """Say whether new rows may look like these."""
    try:
        features = features_of(fitted, rows)
        if fitted.model is not None:
            check_features(features, fitted.model.node, fitted.model.config)
    except DataError:  # what is refused are values: explanations of a saved pipeline compare with golden rows then
        return False
    return True


def _fitting(rows: list[dict[str, JsonValue]]) -> list[dict[str, JsonValue]] | None:
    """Return as many of the rows as fit into the file; None where not even one does."""
    room = LARGEST_BACKGROUND - 1_000
    for count, row in enumerate(rows):
        room -= len(json.dumps(row)) + 2
        if room < 0:
            return rows[:count] or None
    return rows
