"""Every operation: a row and a batch give the same values, and JSON keeps the operation whole."""

import importlib
import math
import pkgutil
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows_and_batches import assert_row_is_batch, batch_of, rows_of
from skyulf_core.serving import ops
from skyulf_core.serving.ops import (
    CYCLES,
    DATE_PARTS,
    OPERATIONS,
    PREDICTION,
    PROBABILITIES,
    SCORES,
    Affine,
    Cast,
    Clip,
    DateParts,
    Decode,
    Drop,
    Impute,
    Linear,
    Lookup,
    OneHot,
    Op,
    OpError,
    Ordinal,
    PlanError,
    Rename,
    Respond,
    Select,
)
from skyulf_core.serving.ops.base import operation_class

numbers = st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e12, max_value=1e12)
maybe_number = st.none() | numbers
maybe_text = st.none() | st.sampled_from(["a", "b", "ü", "", "never seen"])
moments = st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 30))


@given(rows_of(x=maybe_number, s=maybe_text))
def test_impute(rows):
    assert_row_is_batch(Impute(("x", "s"), (1.5, "b")), rows)


@given(rows_of(x=maybe_number, y=maybe_number), numbers, st.floats(0.001, 1e6))
def test_affine_is_the_same_to_the_last_bit(rows, offset, scale):
    assert_row_is_batch(Affine(("x", "y"), (offset, 0.1), (scale, 3.0)), rows)


@given(rows_of(x=maybe_number, y=maybe_number), numbers)
def test_clip(rows, bound):
    assert_row_is_batch(Clip(("x", "y"), (bound, None), (bound + 1, 0.0)), rows)


@given(rows_of(s=maybe_text), st.sampled_from(["ignore", "error", "infrequent"]), st.booleans(), st.booleans())
def test_one_hot(rows, unknown, drop, missing):
    op = OneHot("s", ("a", "b"), (None, "s_b"), unknown, ("ü",), "s_rare", "s_null" if missing else None, drop)
    assert_row_is_batch(op, rows)


@given(rows_of(s=maybe_text), st.sampled_from([None, -1.0]), st.sampled_from([None, -2.0]), st.booleans())
def test_ordinal(rows, unknown, missing, refuse):
    op = Ordinal(("s",), (("b", "a"),), unknown, missing, "error" if refuse else "use_value")
    assert_row_is_batch(op, rows)


@given(rows_of(s=maybe_text, x=maybe_number), st.booleans(), st.booleans())
def test_lookup(rows, keep, lists_null):
    keys = ("a", "b", None) if lists_null else ("a", "b")
    values = (1.0, 2.5, 9.0) if lists_null else (1.0, 2.5)
    assert_row_is_batch(Lookup(("s",), (keys,), (values,), (0.5,)), rows)
    assert_row_is_batch(Lookup(("s",), (("a",),), (("z",),), (None,), keep), rows)


@given(
    rows_of(
        s=st.none()
        | st.sampled_from(["1", "1.5", " 2", "x", "TRUE", "false", "1e400", "2024-02-29", "nan", "1_0", "٣", "inf"])
    ),
    st.sampled_from(["int8", "int64", "uint8", "float32", "float64", "string", "boolean", "date", "datetime"]),
    st.sampled_from(["null", "fail"]),
)
def test_cast_of_strings(rows, to, on_error):
    assert_row_is_batch(Cast(("s",), to, None, on_error), rows)


@given(rows_of(x=maybe_number), st.sampled_from(["int8", "int64", "uint16", "float32", "float64", "string", "boolean"]))
def test_cast_of_numbers(rows, to):
    assert_row_is_batch(Cast(("x",), to), rows)


def test_cast_writes_integers_without_a_fraction_where_a_batch_holds_floats():
    columns = {"n": np.array([3.0, np.nan])}

    Cast(("n",), "string", source_integer=("n",)).batch(columns)

    assert columns["n"].tolist() == ["3", None]


@given(rows_of(t=moments), st.booleans())
def test_date_parts(rows, drop):
    outputs = tuple(f"t_{part}" for part in DATE_PARTS)
    assert_row_is_batch(DateParts("t", DATE_PARTS, outputs, drop), rows)


def test_date_parts_follow_the_calendar():
    values = {"t": datetime(2024, 12, 30, 23, 59, 58)}
    outputs = tuple(DATE_PARTS)

    DateParts("t", DATE_PARTS, outputs).row(values)

    assert {name: values[name] for name in outputs[:15]} == {
        "year": 2024, "quarter": 4, "month": 12, "week": 1, "day": 30, "day_of_year": 365, "weekday": 1, "hour": 23,
        "minute": 59, "second": 58, "season": 0, "time_of_day": 3, "is_weekend": 0,
        "is_month_start": 0, "is_month_end": 0,
    }  # fmt: skip
    assert len(outputs) >= 15 + 2 * len(CYCLES)
    assert values["month_sin"] == math.sin(2 * math.pi * 11 / 12)


@given(rows_of(x=maybe_number, y=maybe_number))
def test_select_drop_and_rename(rows):
    assert_row_is_batch(Select(("y",)), rows)
    assert_row_is_batch(Drop(("x", "absent")), rows)
    assert_row_is_batch(Rename(("x", "y"), ("y", "x")), rows)


def score(op, rows):
    columns = batch_of(rows)
    op.batch(columns)
    for i, row in enumerate(rows):
        values = dict(row)
        op.row(values)
        assert values[SCORES] == columns[SCORES][i].tolist()
        if PROBABILITIES in columns:
            assert values[PROBABILITIES] == columns[PROBABILITIES][i].tolist()
    return columns


@given(rows_of(x=numbers, y=numbers), st.sampled_from(["identity", "sigmoid", "softmax"]))
def test_linear_is_the_same_to_the_last_bit(rows, link):
    outputs = 3 if link == "softmax" else 1
    weights = np.linspace(-0.37, 0.91, 2 * outputs).reshape(outputs, 2)

    score(Linear(("x", "y"), weights, np.arange(outputs) / 7, link), rows)


def test_linear_names_the_feature_that_is_null():
    op = Linear(("x", "y"), [[1.0, 2.0]], [0.0])

    with pytest.raises(OpError) as one:
        op.row({"x": 1.0, "y": None})
    with pytest.raises(OpError) as many:
        op.batch({"x": np.array([1.0, 2.0]), "y": np.array([1.0, np.nan])})

    assert one.value.problems == [many.value.problems[0]._replace(row=0)]
    assert many.value.problems[0][:2] == (1, "y")


def test_linear_refuses_a_score_that_is_not_a_number():
    op = Linear(("x",), [[1e300]], [0.0])

    with pytest.raises(OpError, match="so large"):
        op.row({"x": 1e300})
    with pytest.raises(OpError, match="so large"):
        op.batch({"x": np.array([1e300])})


STUMPS = {
    "features": ["x", "y"],
    "feature": [0, -1, 1, -1, -1, 1, -1, -1],
    "threshold": [0.5, 0, -1.0, 0, 0, 2.0, 0, 0],
    "left": [1, 0, 3, 1, 2, 6, 3, 4],
    "right": [2, 0, 4, 0, 0, 7, 0, 0],
    "missing_left": [True, False, False, False, False, False, False, False],
    "values": [[0.1], [0.2], [-0.3], [0.7], [1e-17]],
    "roots": [0, 5],
    "tree_output": [0, 0],
    "baseline": [0.1],
}


@given(rows_of(x=maybe_number, y=maybe_number), st.sampled_from(["identity", "sigmoid"]), st.booleans())
def test_trees_are_the_same_to_the_last_bit(rows, link, average):
    op = Op.from_dict({"op": "tree_ensemble", **STUMPS, "link": link, "combine": "average" if average else "sum"})

    score(op, rows)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left", [0, 0, 3, 1, 2, 6, 3, 4]),  # a circle
        ("right", [99, 0, 4, 0, 0, 7, 0, 0]),
        ("feature", [2, -1, 1, -1, -1, 1, -1, -1]),
        ("values", [[0.1], [0.2]]),
        ("roots", [0, 8]),
        ("roots", [-1, 5]),
        ("roots", [0, 2]),  # the root of one tree is inside of another
        ("right", [1, 0, 4, 0, 0, 7, 0, 0]),  # two parents
        ("threshold", [float("nan"), 0, -1.0, 0, 0, 2.0, 0, 0]),
        ("tree_output", [0, 1]),
        ("threshold", [0.5]),
        ("link", "evil"),
        ("combine", "evil"),
        ("combine", "weighted_median"),
        ("weights", [1.0, 2.0]),
        ("divisor", 2.0),
        ("precision", "float16"),
    ],
)
def test_trees_that_could_leave_their_arrays_are_refused(field, value):
    with pytest.raises(PlanError):
        Op.from_dict({"op": "tree_ensemble", **STUMPS, field: value})


def test_decode_takes_the_first_of_equals_and_keeps_the_type_of_labels():
    columns = {PROBABILITIES: np.array([[0.5, 0.5], [0.2, 0.8]])}
    op = Decode((False, True))

    op.batch(columns)

    assert columns[PREDICTION].tolist() == [False, True]
    values = {PROBABILITIES: [0.5, 0.5]}
    op.row(values)
    assert values[PREDICTION] is False


def test_decode_by_threshold():
    values = {PROBABILITIES: [0.7, 0.3]}
    columns = {PROBABILITIES: np.array([[0.7, 0.3], [0.71, 0.29]])}
    op = Decode(("no", "yes"), threshold=0.3)

    op.row(values)
    op.batch(columns)

    assert values[PREDICTION] == "yes"
    assert columns[PREDICTION].tolist() == ["yes", "no"]


@given(st.lists(st.floats(-700, 700), min_size=1), st.sampled_from(["identity", "exp"]))
def test_respond(scores, link):
    columns = {SCORES: np.array(scores).reshape(-1, 1)}
    op = Respond(link)

    op.batch(columns)

    for value, expected in zip(scores, columns[PREDICTION].tolist(), strict=True):
        values = {SCORES: [value]}
        op.row(values)
        assert values[PREDICTION] == expected


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_unknown_fields_and_missing_fields_are_plan_errors(name):
    with pytest.raises(PlanError, match="unknown fields"):
        Op.from_dict({"op": name, "surprise": 1})
    if name not in ("respond",):
        with pytest.raises(PlanError, match=name):
            Op.from_dict({"op": name})


def test_the_closed_set_is_what_the_package_holds():
    for module in pkgutil.iter_modules(ops.__path__):
        importlib.import_module(f"{ops.__name__}.{module.name}")
    assert {name: operation_class(name).__module__.rsplit(".", 1)[-1] for name in OPERATIONS} == OPERATIONS
    assert all(hasattr(ops, name) for name in ops.__all__)


def test_unknown_operations_are_named():
    with pytest.raises(PlanError, match=r"'exec'.*affine"):
        Op.from_dict({"op": "exec", "code": "1"})
