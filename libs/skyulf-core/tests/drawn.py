"""Frames and configurations that hypothesis draws for the properties of nodes, and how many of them."""

import runpy
from datetime import datetime
from pathlib import Path

import polars as pl
from hypothesis import settings
from hypothesis import strategies as st

FLOATS = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 0.5, -2.5, 127.9, 300.0, 1e-9])
INTEGERS = st.none() | st.integers(-(2**40), 2**40) | st.integers(-3, 3)
TEXTS = st.none() | st.sampled_from(["", "a", "b", " a", "é", "NaN", "true", "False"]) | st.text(max_size=4)
NUMBERS_AS_TEXT = st.none() | st.sampled_from(
    ["1", " 1", "+5", "1_0", "1.5", "1e3", "inf", "nan", "007", "-0", "1e400"]
)
DATES_AS_TEXT = st.none() | st.sampled_from(
    ["2024-02-29", "2024-02-30", "2024-05-01T10:00:00Z", "20240501", "2024-05-01 10:00:00+02:00", "2024-W05-1", "x", ""]
)
MOMENTS = st.none() | st.datetimes(datetime(1900, 1, 1), datetime(2100, 12, 31))

VALUES = {
    "f": FLOATS, "i": INTEGERS, "b": st.none() | st.booleans(), "t": TEXTS, "n": NUMBERS_AS_TEXT, "d": DATES_AS_TEXT,
    "m": MOMENTS,
}  # fmt: skip
TYPES = {
    "f": pl.Float64, "i": pl.Int64, "b": pl.Boolean, "t": pl.String, "n": pl.String, "d": pl.String,
    "m": pl.Datetime("us"),
}  # fmt: skip
TARGETS = st.sampled_from(["no", "yes"])
FOLDER = Path(__file__).with_name("property_configs")
CONFIGS: list[tuple[str, dict]] = [
    config for path in sorted(FOLDER.glob("*.py")) for config in runpy.run_path(str(path))["CONFIGS"]
]


def examples(number, *, suppressed=()):
    """Return settings with this many examples, or as many times more as the profile has more than a hundred."""
    profile = settings()
    checks = [*profile.suppress_health_check, *suppressed]
    return settings(max_examples=number * profile.max_examples // 100, suppress_health_check=checks)


def frames(names):
    """Return frames of up to eight rows with these columns."""
    return st.integers(1, 8).flatmap(
        lambda rows: st.fixed_dictionaries(
            {name: st.lists(VALUES[name], min_size=rows, max_size=rows) for name in names}
        ).map(lambda data: pl.DataFrame(data, schema={name: TYPES[name] for name in names}))
    )
