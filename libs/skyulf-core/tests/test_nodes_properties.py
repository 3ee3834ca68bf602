"""Whatever the data, a node's frame path equals its serving plan and learns the same in any row order."""

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skyulf_core import DataError, NodeRegistry
from skyulf_core.testing import check_plan
from skyulf_core.testing.compare import require_same_params

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
CASTS = ["int8", "uint16", "int64", "float32", "float64", "string", "boolean"]
CONFIGS = [
    ("SimpleImputer", {"strategy": "mean"}),
    ("SimpleImputer", {"strategy": "median"}),
    ("SimpleImputer", {"strategy": "most_frequent"}),
    ("SimpleImputer", {"strategy": "constant"}),
    ("StandardScaler", {}),
    ("StandardScaler", {"columns": ["b", "f"]}),
    ("Winsorize", {}),
    ("OneHotEncoder", {"columns": ["t", "i", "b"], "include_missing": True}),
    ("OneHotEncoder", {"columns": ["t", "f"], "max_categories": 2, "handle_unknown": "infrequent_if_exist"}),
    ("OneHotEncoder", {"columns": ["t"], "handle_unknown": "error", "drop_first": True}),
    ("OrdinalEncoder", {"columns": ["t", "b", "i"]}),
    ("OrdinalEncoder", {"columns": ["t"], "handle_unknown": "error", "missing_value": -3}),
    ("FrequencyEncoder", {"columns": ["t", "b", "i"]}),
    ("DateParts", {"columns": ["m"], "parts": ["year", "week", "day_of_year", "second", "season", "is_month_end"]}),
    ("DateParts", {"columns": ["m", "d"], "cyclical": True, "on_error": "null"}),
    ("DateParts", {"columns": ["d"], "on_error": "fail"}),
    ("DropColumns", {"columns": ["t"]}),
    *[("Casting", {"types": dict.fromkeys("fibtn", to)}) for to in CASTS],
    ("Casting", {"types": {"d": "date", "m": "date", "t": "datetime"}}),
    ("Casting", {"types": {"d": "datetime", "m": "string"}}),
    ("Casting", {"types": {"n": "float64", "f": "int32"}, "on_error": "fail"}),
    ("Casting", {"types": {"d": "datetime", "m": "string"}, "format": "%Y-%m-%d"}),
]


def frames(names):
    """Return frames of up to eight rows with these columns."""
    return st.integers(1, 8).flatmap(
        lambda rows: st.fixed_dictionaries(
            {name: st.lists(VALUES[name], min_size=rows, max_size=rows) for name in names}
        ).map(lambda data: pl.DataFrame(data, schema={name: TYPES[name] for name in names}))
    )


@pytest.mark.parametrize(("node", "config"), CONFIGS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CONFIGS)])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(draw=st.data())
def test_frame_equals_plan_on_any_data(node, config, draw):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    names = [name for _, name in parsed.named_columns()] or list("fibt")
    train = draw.draw(frames(names))
    try:
        params = entry.calculator.fit(train, parsed)
    except DataError:
        return

    check_plan(entry.applier, params, train)
    check_plan(entry.applier, params, draw.draw(frames(names)))
    order = np.random.default_rng(0).permutation(train.height)
    require_same_params(entry.calculator.fit(train[order], parsed), params, "params")
