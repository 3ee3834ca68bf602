"""-0.0 and 0.0 are one number: which of them a row holds changes nothing that is learned, made or said."""

import warnings
from datetime import datetime

import polars as pl
import pytest
from drawn import CONFIGS
from skyulf_core import DataError, NodeRegistry
from skyulf_core.nodes.base import RowApplier, TargetAwareCalculator
from skyulf_core.nodes.binning.labels import range_labels
from skyulf_core.nodes.inspection.json_values import json_value
from skyulf_core.testing import check_plan
from skyulf_core.testing.compare import require_same_frame, require_same_params

ROWS = 8
TARGET = pl.Series("y", ["no", "yes"] * (ROWS // 2))
SPREAD = [0.0, 1.5, 0.0, -2.5, None, 0.0, 300.0, 0.5]
NOTHING_BUT_ZEROS = [0.0, 0.0, None, 0.0, 0.0, 0.0, 0.0, 0.0]


def frame_of(numbers):
    """Return a frame with the columns of drawn ones, and these numbers."""
    return pl.DataFrame(
        {
            "f": numbers,
            "i": [0, 1, 0, -3, 3, None, 2, 0],
            "b": [True, False, None, True, False, True, False, True],
            "t": ["a", "b", "a", None, "", "b", "a", "a"],
            "n": ["1", "-0", "1.5", "0", "-0.0", None, "1", "007"],
            "d": ["2024-02-29", "2024-05-01", None, "x", "2024-02-29", "2024-05-01", "", "20240501"],
            "m": [datetime(2024, 1, 1 + i, i) for i in range(ROWS)],
        },
        schema_overrides={"f": pl.Float64},
    )


def negative(numbers, *rows):
    """Return the numbers with the zeros of these rows (all, where none is named) as -0.0."""
    return [-0.0 if x == 0.0 and (i in rows or not rows) else x for i, x in enumerate(numbers)]


def learned(entry, config, frame):
    """Return what is learned and what is made of the frame; the reason where it is refused."""
    aware = isinstance(entry.calculator, TargetAwareCalculator)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            params = entry.calculator.fit(frame, TARGET, config) if aware else entry.calculator.fit(frame, config)
        return params, entry.applier.apply(frame, params)
    except DataError as error:
        return error.reason, None


@pytest.mark.parametrize("numbers", [SPREAD, NOTHING_BUT_ZEROS], ids=["spread", "zeros"])
@pytest.mark.parametrize(("node", "config"), CONFIGS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(CONFIGS)])
def test_the_sign_of_a_zero_changes_nothing(node, config, numbers):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    wanted, made = learned(entry, parsed, frame_of(numbers))

    for signed in (negative(numbers), negative(numbers, 0), negative(numbers, 5, 7)):
        found, same = learned(entry, parsed, frame_of(signed))

        require_same_params(found, wanted, "params")
        if made is not None:
            require_same_frame(same, made, "made")
            if not isinstance(entry.applier, RowApplier):
                check_plan(entry.applier, found, frame_of(signed))


def test_a_zero_has_one_text():
    assert range_labels([-0.0, 1.0]) == ["[0, 1]"] == range_labels([0.0, 1.0])
    assert range_labels([-1.0, -0.0, 1.0]) == ["[-1, 0]", "(0, 1]"]
    assert str(json_value(-0.0)) == "0.0"


def test_a_contract_speaks_of_zero_without_its_sign_or_its_type():
    entry = NodeRegistry.get("Expect")
    config = {"expectations": [{"check": "range", "columns": ["x"], "lower": 1}]}
    parsed = entry.config_model.model_validate(config)

    for numbers in ([0.0, -0.0], [-0.0, 0.0], [0, 0], [0, None]):
        with pytest.raises(DataError, match="column 'x': 0 lies below 1"):
            entry.calculator.fit(pl.DataFrame({"x": numbers}), parsed)
