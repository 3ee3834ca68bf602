"""Sums do not depend on the order in which rows are added."""

import math

import numpy as np
import polars as pl
import pytest
from skyulf_core.data.sums import Sums, sums_of


def added(values, sums=None):
    frame = pl.LazyFrame({"x": values}, schema={"x": pl.Float64})
    sums = sums or sums_of(frame, ["x"])[0]
    return frame.select(sum=sums.sum(pl.col("x")), mean=sums.mean(pl.col("x"))).collect().row(0)


@pytest.mark.parametrize("spread", [0, 3, 30])
def test_rows_in_any_order_have_the_same_sum(spread):
    rng = np.random.default_rng(spread)
    values = rng.normal(size=50_000) * 10.0 ** rng.integers(-spread, spread + 1, 50_000)

    found = {added(rng.permutation(values)) for _ in range(5)}

    assert len(found) == 1
    assert found.pop()[0] == pytest.approx(math.fsum(values), rel=1e-15)


def test_large_numbers_that_cancel_leave_the_small_ones():
    values = [1e15, 0.1, -1e15, 0.2] * 1_000

    assert added(values)[0] == pytest.approx(math.fsum(values), rel=1e-15)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([], (0.0, None)),
        ([None, None], (0.0, None)),
        ([0.0, -0.0], (0.0, 0.0)),
        ([5e-324, 5e-324], (1e-323, 5e-324)),
        ([1e308, -1e308, None], (0.0, 0.0)),
        ([1e308, 1e308], (math.inf, math.inf)),
        ([math.inf, 1.0], (math.inf, math.inf)),
        ([2.0, None, 4.0], (6.0, 3.0)),
    ],
)
def test_odd_columns(values, wanted):
    assert added(values) == wanted


def test_fewer_and_smaller_numbers_than_foreseen_are_added_too():
    assert added([1.5, 2.25], Sums(1e9, 1_000_000)) == (3.75, 1.875)
