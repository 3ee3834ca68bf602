"""Golden rows: some held-out rows with the answers that every copy of the pipeline must repeat."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import cast

import polars as pl
from pydantic import JsonValue

from skyulf_core.fitted import FittedPipeline, Golden
from skyulf_core.pipeline.answering import answer_codes, answer_probabilities
from skyulf_core.pipeline.applying import features_of, labels_of, predict_scores
from skyulf_core.serving.plan import label_key

ROWS = 20
PROBABILITIES = 5_000  # of all rows together: with thousands of classes fewer rows say as much
LETTERS = 1 << 19  # of all rows together, as JSON: labels and texts may be long
_NUMBER = 25
"""So many letters a probability takes with what stands around it."""


def golden_rows(fitted: FittedPipeline, raw: pl.DataFrame) -> Golden:
    """Return up to 20 of these raw rows with the library's own answers; fewer of many classes or long texts."""
    classes = fitted.classes or ()
    letters = sum(len(json.dumps(label_key(label))) + _NUMBER for label in classes)
    count = max(1, min(ROWS, PROBABILITIES // max(len(classes), 1), LETTERS // max(letters, 1)))
    optional, types = fitted.optional_columns(), raw.schema
    names = [name for name in fitted.input_schema.names if name not in optional]
    finite = [~pl.col(name).is_infinite().fill_null(False) for name in names if types[name].is_float()]
    rows = raw.select(names).filter(finite).head(count) if finite else raw.select(names).head(count)
    written = _short(as_json(rows))
    rows = rows.head(len(written))
    if fitted.model is None or not written:
        return Golden(written)
    features = features_of(fitted, rows)
    predictions = labels_of(answer_codes(fitted, features), fitted.classes).tolist()
    probabilities = answer_probabilities(fitted, features) if fitted.classes is not None else None
    if probabilities is None or fitted.classes is None:
        scores = predict_scores(fitted.model, features)
        return Golden(written, predictions, scores=None if scores is None else scores.tolist())
    keys = [label_key(label) for label in fitted.classes]
    return Golden(written, predictions, [dict(zip(keys, row, strict=True)) for row in probabilities.tolist()])


def _short(rows: list[dict[str, JsonValue]]) -> list[dict[str, JsonValue]]:
    """Return the first rows, as many as are short together, or the first one."""
    ends = accumulate(len(json.dumps(row, default=str)) for row in rows)
    return rows[: max(1, sum(end <= LETTERS for end in ends))]


def as_json(rows: pl.DataFrame) -> list[dict[str, JsonValue]]:
    """Return rows as a client would send them."""
    return [{name: _json(value) for name, value in row.items()} for row in rows.iter_rows(named=True)]


def _json(value: object) -> JsonValue:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return cast("JsonValue", value)
