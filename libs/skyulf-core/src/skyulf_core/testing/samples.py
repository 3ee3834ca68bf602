"""The frame that `check_node` works on."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl

TARGETS = ("label", "value")


def sample_frame(rows: int = 80, *, seed: int = 7) -> pl.DataFrame:
    """Return a frame with a column of every kind, the same one for the same arguments.

    Features: `number` (float, nulls), `count` (integer), `large` (float around a million), `same` (constant), `flag`
    (boolean), `plan` (text, nulls), `city` (text, some rare), `digits` (texts, most of them whole), `iso` (texts
    of dates), `at` (datetime, nulls), `day` (date), `price` (float above 0), `lat` and `lon` (degrees), `note` (short
    sentences, nulls). Targets: `label` (text, three classes), `value` (float).
    """
    draw = np.random.default_rng(seed)
    number = draw.normal(10.0, 40.0, rows)
    hidden = draw.random(rows) < 0.2
    cities = np.array(["Oslo", "Rome", "Bern", "Łódź", "Kyōto"])[np.minimum(draw.geometric(0.45, rows) - 1, 4)]
    start = datetime(2019, 12, 28, 22, 30, 15)
    moments = [start + timedelta(hours=int(hours)) for hours in draw.integers(0, 24 * 900, rows)]
    plans = np.array(["basic", "pro", "team"])[draw.integers(0, 3, rows)]
    score = number / 40.0 + (plans == "pro") + draw.normal(0.0, 0.3, rows)
    return pl.DataFrame(
        {
            "number": pl.Series([None if gone else float(x) for x, gone in zip(number, hidden, strict=True)]),
            "count": pl.Series(draw.poisson(3.0, rows), dtype=pl.Int64),
            "large": pl.Series(1e6 + draw.normal(0.0, 1.0, rows)),
            "same": pl.Series([5] * rows, dtype=pl.Int64),
            "flag": pl.Series(draw.random(rows) < 0.4),
            "plan": pl.Series([None if gone else str(x) for x, gone in zip(plans, hidden[::-1], strict=True)]),
            "city": pl.Series(cities.tolist(), dtype=pl.String),
            "digits": pl.Series(["x" if i % 11 == 5 else str(i - 9) for i in range(rows)], dtype=pl.String),
            "iso": pl.Series([moment.isoformat() for moment in moments], dtype=pl.String),
            "at": pl.Series([None if i % 7 == 3 else moments[-1 - i] for i in range(rows)], dtype=pl.Datetime("us")),
            "day": pl.Series([moment.date() for moment in moments], dtype=pl.Date),
            "price": pl.Series(np.exp(draw.normal(3.0, 1.0, rows))),
            "lat": pl.Series(draw.uniform(-89.0, 89.0, rows)),
            "lon": pl.Series(draw.uniform(-179.0, 179.0, rows)),
            "note": pl.Series([_note(draw) if i % 9 else None for i in range(rows)], dtype=pl.String),
            "label": pl.Series(
                np.array(["high", "low", "mid"])[np.digitize(score, [0.0, 0.8])].tolist(), dtype=pl.String
            ),
            "value": pl.Series(score),
        }
    )


_WORDS = ("Slow", "fast", "delivery,", "Broken", "box", "great", "price!", "Größe", "naïve", "support", "the", "2nd")


def _note(draw: np.random.Generator) -> str:
    return " ".join(_WORDS[i] for i in draw.integers(0, len(_WORDS), int(draw.integers(1, 7))))


def features(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the sample without its targets."""
    return frame.drop(TARGETS, strict=False)
