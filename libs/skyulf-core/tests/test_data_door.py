"""What comes in: columns of any type are read, made floats where they are too large, or refused in a sentence."""

import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from bad_input import LIBRARIES
from skyulf_core import DataError, InvalidConfigError, Pipeline, Problem, Schema
from skyulf_core.problems import FitWarning, did_you_mean
from skyulf_core.serving.errors import LONGEST_TEXT

STEPS = {"steps": [{"node": "DropMissingColumns", "config": {"columns": []}}]}
OFFSET = timezone(timedelta(hours=5, minutes=45))
ZONED = datetime(2020, 1, 1, tzinfo=UTC)


def through(frame):
    return Pipeline.from_config(STEPS).fit(frame).transform(frame)


@pytest.mark.parametrize(
    ("column", "wanted"),
    [
        (pd.arrays.SparseArray([0.0, 0.0, 1.5]), [0.0, 0.0, 1.5]),
        (pd.array([1, None, 3], dtype="Int64"), [1, None, 3]),
        (pd.array([True, None], dtype="boolean"), [True, None]),
        (pd.Categorical([1, 2, 1]), [1, 2, 1]),
        ([Decimal("1.5"), Decimal("NaN"), None], [1.5, None, None]),
        ([date(1890, 1, 1), None], [datetime(1890, 1, 1), None]),
        (pd.DatetimeIndex(["2020-01-01"]).tz_localize(OFFSET), [datetime(2019, 12, 31, 18, 15)]),
        (pd.DatetimeIndex(["2020-07-01"]).tz_localize("Asia/Kathmandu"), [datetime(2020, 6, 30, 18, 15)]),
        ([ZONED, ZONED.astimezone(OFFSET)], [datetime(2020, 1, 1)] * 2),
        (np.array([1, 2], np.float16), [1.0, 2.0]),
        ([2**64 - 1, 1], [2.0**64, 1.0]),
        ([pd.NA, "x"], [None, "x"]),
        ([1.5, None, float("nan")], [1.5, None, None]),
        ([timedelta(1), None], [timedelta(1), None]),
    ],
)
def test_columns_of_pandas_are_read(column, wanted):
    frame = pd.DataFrame({"a": column})

    assert pl.from_pandas(through(frame))["a"].to_list() == wanted or through(frame)["a"].tolist() == wanted


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1, "x", 2.5], r"column 'a' mixes types \(float, int, str\); convert it to numbers, texts, booleans or dates"),
        ([True, 1, None], r"column 'a' mixes types \(bool, int\)"),
        ([date(2020, 1, 1), datetime(2020, 1, 1, 5)], r"column 'a' mixes types \(date, datetime\)"),
        ([object(), object()], "column 'a' holds object values that fit into no column"),
        ([1 + 2j, 3 + 0j], "column 'a' has the pandas type complex128, which is not read here"),
        ([10**30, 1], "column 'a' holds int values that fit into no column"),
        ([Decimal("Infinity"), Decimal("1")], "column 'a' holds Decimal values that fit into no column"),
        (pd.Series(["\ud800", "x"], dtype=object), "column 'a' holds texts that are not valid Unicode"),
        (pd.Categorical([1, "x"]), r"column 'a' mixes types \(int, str\)"),
        (pd.Series([Decimal(1)], dtype=pd.ArrowDtype(pa.decimal256(50, 2))), "which is not read here"),
        (np.array(["-0001-01-01"], "M8[s]"), "column 'a' holds dates outside of the years 1 to 9999 in 1 rows"),
        (np.array(["20000-01-01"], "M8[ms]"), "column 'a' holds dates outside of the years 1 to 9999 in 1 rows"),
        (np.array([2**60], "m8[s]"), "column 'a' holds durations of more than 290,000 years in 1 rows"),
    ],
)
def test_columns_of_pandas_that_fit_nowhere_are_refused(column, message):
    column = column if isinstance(column, pd.Categorical | pd.Series | np.ndarray) else pd.Series(column)
    with pytest.raises(DataError, match=message) as caught:
        through(pd.DataFrame({"a": column}))

    assert caught.value.column == "a"
    assert not LIBRARIES.search(str(caught.value).replace("[pyarrow]", "").replace("the pandas type", ""))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)}), "column 'a' holds Python objects"),
        (pl.LazyFrame({"a": ["x"]}).select(pl.col("a").cast(pl.Int64)), "the query of the LazyFrame cannot be run"),
        (pl.LazyFrame({"a": [1]}).select("b"), "the query of the LazyFrame cannot be run"),
        (pl.scan_csv("/no such file.csv"), "the query of the LazyFrame cannot be run: No such file"),
        (pl.scan_parquet("/no such file.parquet"), "the query of the LazyFrame cannot be run"),
    ],
)
def test_frames_of_polars_that_cannot_be_read_are_refused(frame, message):
    for steps in (STEPS, {"steps": [{"node": "KNNImputer"}]}):  # one streams, one does not
        with pytest.raises(DataError, match=message):
            Pipeline.from_config(steps).fit(frame)


@pytest.mark.parametrize("dtype", [pl.UInt64, pl.Int128, pl.UInt128])
def test_whole_numbers_too_large_for_64_bits_with_a_sign_are_floats(dtype):
    small = pl.DataFrame({"a": pl.Series([5, None, 7], dtype=dtype)})
    large = pl.DataFrame({"a": pl.Series([5, None, 2**64 - 1], dtype=dtype)})
    config = {"steps": [{"node": "MaxAbsScaler"}]}

    assert (Schema.from_frame(small)[0].dtype, Schema.from_frame(large)[0].dtype) == ("integer", "float")
    for frame in (large, large.lazy()):
        pipeline = Pipeline.from_config(config).fit(frame)
        assert pipeline.transform(large)["a"].to_list() == [5 / 2**64, None, 1.0]
        assert pipeline.transform(small)["a"].to_list() == [5 / 2**64, None, 7 / 2**64]
    pipeline = Pipeline.from_config(config).fit(small)
    assert pipeline.transform(small.lazy()).collect().equals(pipeline.transform(small))
    with pytest.raises(DataError, match="'a' holds float values, the pipeline was trained with integer"):
        pipeline.transform(large)


def test_a_date_beyond_the_calendar_is_refused_of_a_lazy_query_too():
    good = pl.DataFrame({"a": [datetime(2020, 1, 1), datetime(9999, 12, 31, 23, 59, 59)]})
    pipeline = Pipeline.from_config({"steps": [{"node": "DateParts", "config": {"parts": ["year"]}}]}).fit(good)
    far = pl.DataFrame({"a": pl.Series([2**62, 0]).cast(pl.Datetime("ms"))})

    for frame in (far, far.lazy()):
        with pytest.raises(DataError, match="column 'a' holds dates outside of the years 1 to 9999 in 1 rows"):
            pipeline.transform(frame)
    unread = pl.concat([good, far.rename({"a": "b"})], how="horizontal")
    assert pipeline.transform(unread.lazy()).collect().equals(pipeline.transform(unread))


@pytest.mark.parametrize("node", ["StandardScaler", "KNNImputer"])  # one is a query, one is not
@pytest.mark.parametrize(
    "broken",
    [lambda rows: rows.with_columns(a=pl.col("nope")), lambda rows: pl.scan_csv("/no such file.csv")],
)
def test_a_query_that_cannot_be_planned_is_refused_at_transform_too(node, broken):
    data = pl.DataFrame({"a": [1.0, 2.0, 3.0]})
    pipeline = Pipeline.from_config({"steps": [{"node": node}]}).fit(data)

    with pytest.raises(DataError, match="the query of the LazyFrame cannot be run"):
        pipeline.transform(broken(data.lazy()))


def test_messages_stay_short():
    long = "x" * 1_000_000
    error = DataError(f"column {long!r}: {long!r} is wrong; do this", reason="any")

    assert len(str(error)) < LONGEST_TEXT
    assert str(error).startswith("column 'xxx")
    assert str(error).endswith("is wrong; do this")
    assert len(Problem("", long, "any").message) < LONGEST_TEXT
    assert str(InvalidConfigError(Problem("", str(i), "any") for i in range(1_000))).endswith("/: 9; and 990 more")
    assert did_you_mean(long, ["xx"]) is None


def test_what_has_not_settled_is_said_in_words_of_this_library():
    frame = pl.DataFrame({"a": [1e5 * i for i in range(40)], "b": [float(i * i) for i in range(40)], "y": [0, 1] * 20})
    split = {"node": "TrainTestSplit", "config": {"target": "y"}}
    model = {"node": "logistic_regression", "config": {"max_iter": 1}}

    with pytest.warns(FitWarning, match="logistic_regression has not settled within its iterations") as caught:
        Pipeline.from_config({"steps": [split], "model": model}).fit(frame)

    assert [one.category for one in caught] == [FitWarning]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Pipeline.from_config({"steps": [split], "model": {"node": "ridge_regression"}}).fit(frame)
