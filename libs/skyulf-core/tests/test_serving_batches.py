"""Batches that take quicker ways than rows do: tables, calendars, few cuts. The values must be the same."""

import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rows_and_batches import assert_row_is_batch, batch_of, rows_of
from skyulf_core.serving.ops import DATE_PARTS, Bins, DateParts, GroupLookup, Lookup, OneHot, OpError, Ordinal

maybe_number = st.none() | st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.5, 7.0])
maybe_text = st.none() | st.sampled_from(["a", "b", "never seen"])
scalars = st.sampled_from([None, 1, 2, -3, 1.5, True, "z", 2**63])


def objects(*values):
    column = np.empty(len(values), object)
    column[:] = values
    return column


@pytest.mark.parametrize("around", [datetime(1969, 12, 31, 12), datetime(2024, 2, 28, 23, 59, 59), datetime(1, 1, 2)])
@given(seconds=st.lists(st.none() | st.floats(-86_000, 259_200), min_size=6, max_size=30))
def test_parts_of_dates_that_lie_close_together(around, seconds):
    start = np.datetime64(around, "us")
    rows = [{"t": None if s is None else (start + np.timedelta64(int(s * 1e6), "us")).item()} for s in seconds]

    assert_row_is_batch(DateParts("t", DATE_PARTS, tuple(f"t_{part}" for part in DATE_PARTS)), rows)


def test_parts_of_no_dates_and_of_none():
    empty, nulls = ({"t": np.array(values, "datetime64[us]")} for values in ([], ["NaT", "NaT"]))

    for columns in (empty, nulls):
        DateParts("t", ("month", "hour"), ("m", "h")).batch(columns)

    assert empty["m"].dtype == np.float64
    assert empty["m"].shape == (0,)
    assert np.isnan([nulls["m"], nulls["h"]]).all()


@given(rows_of(x=maybe_number), st.sampled_from(["left", "right"]), st.integers(0, 40), maybe_number, maybe_number)
def test_bins_of_few_cuts_and_of_many(rows, closed, cuts, low, high):
    edges = tuple(float(cut) for cut in range(-1, cuts - 1))
    labels = tuple(f"to {cut}" for cut in (*edges, "the end"))

    assert_row_is_batch(Bins(("x",), (edges,), (labels,), (low,), (high,), ("none",), closed), rows)


@given(rows_of(x=maybe_number, s=maybe_text), st.lists(scalars, min_size=4, max_size=4))
def test_lookup_of_values_of_any_type(rows, values):
    *listed, default = values

    for keys in (("a", "b", None), ("a", "b", "c")):
        assert_row_is_batch(Lookup(("s",), (keys,), (tuple(listed),), (default,)), rows)
    assert_row_is_batch(Lookup(("x",), ((0, 1.0, True),), (tuple(listed),), (default,)), rows)


@given(rows_of(s=maybe_text, x=maybe_number, y=maybe_number), st.lists(scalars, min_size=3, max_size=3), st.booleans())
def test_group_lookup_of_values_of_any_type(rows, values, fill):
    groups = (("a", 1), (None, None))
    op = GroupLookup(("s", "x"), groups, ("y",), (tuple(values[:2]),), (values[2],), "fill" if fill else "write")
    floats = GroupLookup(("s", "x"), groups, ("y",), ((0.5, None),), (9.0,), "fill" if fill else "write")

    assert_row_is_batch(floats, rows)
    if not fill or not any(isinstance(value, str) for value in values):
        assert_row_is_batch(op, rows)


def test_the_type_of_a_lookup_is_that_of_the_values_it_found():
    def found(values, default, *keys):
        columns = {"s": objects(*keys)}
        Lookup(("s",), (("a", "b"),), (values,), (default,)).batch(columns)
        return columns["s"]

    assert found((1, 2), 0, "a", "x").dtype == np.int64
    assert found((1, 2), None, "a", "b").dtype == np.int64
    assert found((1, 2), None, "a", "x").dtype == np.float64
    assert found((1, 2**70), 0, "a").dtype == np.int64
    assert found((1, 2), 0).dtype == np.float64
    assert found((1.0, None), 0.0, "b").dtype == np.float64
    assert found(("u", "v"), None, "a", "x").dtype == object


def test_every_nan_is_a_null_even_one_that_is_listed():
    nan = math.nan
    columns = {name: objects(nan, None, float("nan"), "a", "x") for name in ("s", "t", "u")}

    OneHot("s", ("a", nan), ("is_a", "is_nan"), missing_output="is_null").batch(columns)
    Ordinal(("t",), (("a", nan),), -1.0, -2.0).batch(columns)
    Lookup(("u",), (("a", nan, None),), ((1.0, 5.0, 3.0),), (0.0,)).batch(columns)

    assert columns["is_null"].tolist() == [1.0, 1.0, 1.0, 0.0, 0.0]
    assert columns["is_nan"].tolist() == [0.0] * 5
    assert columns["t"].tolist() == [-2.0, -2.0, -2.0, 0.0, -1.0]
    assert columns["u"].tolist() == [3.0, 3.0, 3.0, 1.0, 0.0]


def test_an_unknown_category_is_refused_by_its_row_and_the_columns_stay():
    columns = batch_of([{"s": "a"}, {"s": None}, {"s": "x"}])

    with pytest.raises(OpError) as refused:
        OneHot("s", ("a",), ("is_a",), "error").batch(columns)

    assert [(problem.row, problem.column) for problem in refused.value.problems] == [(2, "s")]
    assert list(columns) == ["s"]
