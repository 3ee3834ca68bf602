"""Golden rows: some held-out rows with the answers that every copy of the pipeline must repeat."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from typing import cast

import polars as pl
from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline, Golden
from skyulf_core.pipeline.applying import features_of, labels_of, predict_codes, predict_probabilities
from skyulf_core.serving.plan import label_key

ROWS = 20
PROBABILITIES = 5_000  # of all rows together: with thousands of classes fewer rows say as much


def golden_rows(fitted: FittedPipeline, raw: pl.DataFrame) -> Golden:
    """Return up to 20 of these raw rows with the library's own answers; fewer where there are very many classes."""
    count = max(1, min(ROWS, PROBABILITIES // max(len(fitted.classes or ()), 1)))
    optional, types = fitted.optional_columns(), raw.schema
    names = [name for name in fitted.input_schema.names if name not in optional]
    finite = [~pl.col(name).is_infinite().fill_null(False) for name in names if types[name].is_float()]
    rows = raw.select(names).filter(finite).head(count) if finite else raw.select(names).head(count)
    written = [{name: _json(value) for name, value in row.items()} for row in rows.iter_rows(named=True)]
    if fitted.model is None or not written:
        return Golden(written)
    features = features_of(fitted, rows)
    predictions = labels_of(predict_codes(fitted.model, features), fitted.classes).tolist()
    probabilities = predict_probabilities(fitted.model, features) if fitted.classes is not None else None
    if probabilities is None or fitted.classes is None:
        return Golden(written, predictions)
    keys = [label_key(label) for label in fitted.classes]
    return Golden(written, predictions, [dict(zip(keys, row, strict=True)) for row in probabilities.tolist()])


def _json(value: object) -> JsonValue:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return cast("JsonValue", value)
