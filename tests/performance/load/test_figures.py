"""What is made of samples."""

import math

import pytest

from performance.load.figures import quantile, slope, table


def test_a_slope_is_that_of_the_line_that_samples_lie_on() -> None:
    assert slope([(10.0, 5.0), (20.0, 7.0), (40.0, 11.0)]) == pytest.approx(0.2)
    assert slope([(number, 3.0) for number in range(10)]) == 0.0


def test_a_slope_goes_between_samples_that_lie_on_no_line() -> None:
    # by hand: means 1 and 2; (-1*-1 + 0*2 + 1*-1) / 2 = 0, and with the last one 2 higher (1 + 1) / 2
    assert slope([(0.0, 1.0), (1.0, 4.0), (2.0, 1.0)]) == pytest.approx(0.0)
    assert slope([(0.0, 1.0), (1.0, 4.0), (2.0, 3.0)]) == pytest.approx(1.0)


def test_one_moment_has_no_slope() -> None:
    assert math.isnan(slope([]))
    assert math.isnan(slope([(1.0, 2.0), (1.0, 3.0)]))


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]

    assert (quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert quantile([7.0], 0.5) == 7.0
    assert math.isnan(quantile([], 0.5))


def test_a_table_has_straight_columns() -> None:
    lines = table(("what", "number", "p50"), [("uploads", 200, 12.3456), ("jobs", 5, math.nan)])

    assert lines == [
        "what     number   p50",
        "uploads     200  12.3",
        "jobs          5     -",
    ]
