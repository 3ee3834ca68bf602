"""Values of a frame as JSON values, bounded in length."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from skyulf_core.params import Scalar

MAX_TEXT = 500
"""Longer texts are cut, with an ellipsis at their end."""


def json_value(value: object) -> Scalar:
    """Return a JSON value: dates in ISO 8601, infinities as texts, NaN as null, anything else as text.

    >>> json_value(date(2024, 2, 29)), json_value(float("-inf")), json_value(2.5)
    ('2024-02-29', '-inf', 2.5)
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return value + 0.0 if math.isfinite(value) else str(value)  # -0.0 and 0.0 are one number, so one text
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    text = value if isinstance(value, str) else str(float(value)) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
