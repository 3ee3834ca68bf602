"""Frames as nobody wants them: each kind makes one of a good frame, with the same names."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

import polars as pl

INF, NAN = float("inf"), float("nan")
LARGE, LEAST, OLD = 1.7e308, 5e-324, datetime(1890, 1, 1, 3, 30)
MOMENTS = [OLD, datetime(2020, 2, 29, 1, 2, 3, 4), None]
ENDS = [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), None]
TEXTS = ["x" * 50_000, "y", "\x00", " ", "\u202e\u0301", "👩‍👩‍👧", "", None]


def each(change, *, where=lambda dtype: True):
    """Return what changes every column of some types; `keep` names columns that stay."""

    def make(frame, keep=()):
        names = [name for name, dtype in frame.schema.items() if name not in keep and where(dtype)]
        return frame.with_columns(change(frame[name]).alias(name) for name in names)

    return make


def values(some, dtype=None, **options):
    """Return what puts values, again and again, into every column."""
    return each(lambda column: pl.Series((some * len(column))[: len(column)], dtype=dtype, strict=False), **options)


def some_of(bad):
    """Return what puts values between those of every float column."""

    def change(column):
        found = column.to_list()
        for at, value in zip(range(0, len(found), 3), bad, strict=False):
            found[at] = value
        return pl.Series(found, dtype=pl.Float64)

    return each(change, where=lambda dtype: dtype.is_float())


def integers(dtype, some):
    return values(some, dtype, where=lambda found: found.is_integer())


def zoned(zone):
    return each(lambda column: pl.Series((MOMENTS * len(column))[: len(column)]).dt.replace_time_zone(zone))


NUMBERS = {"where": lambda dtype: dtype.is_numeric()}
TYPES = {
    "texts": values(["a", "b", None, ""]),
    "numbers as texts": values(["1", "2.5", "nan", "inf", "1e400"]),
    "booleans": values([True, False, None]),
    "integers": values([1, 2, 3, None]),
    "floats": values([1.5, 2.5, None]),
    "dates": values([OLD.date(), date(2020, 2, 29), None]),
    "moments": values(MOMENTS),
    "times of day": values([time(1, 2, 3), time(0), None]),
    "durations": values([timedelta(3), timedelta(-5), None]),
    "lists": values([[1, 2], [], None]),
    "lists of texts": values([["a"], ["b", None]]),
    "structs": values([{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
    "arrays": values([[1, 2], [3, 4]], pl.Array(pl.Int64, 2)),
    "bytes": values([b"a", b"\xff", None]),
    "objects": values([object()], pl.Object),
    "decimals": values([Decimal("1.10"), Decimal("-3.25"), None]),
    "wide decimals": values([Decimal("12345678901234567890123456789.10"), Decimal("-3.25"), None]),
    "categories": values(["x", "y", None], pl.Categorical),
    "an enumeration": values(["x", "y", None], pl.Enum(["x", "y", "z"])),
    "a time zone": zoned("Asia/Kathmandu"),
    "another time zone": zoned("America/St_Johns"),
    "no type": values([None], pl.Null),
}
VALUES = {
    "no rows": lambda frame, keep=(): frame.clear(),
    "one row": lambda frame, keep=(): frame.head(1),
    "two rows": lambda frame, keep=(): frame.head(2),
    "all null": each(lambda column: pl.Series([None] * len(column), dtype=column.dtype)),
    "constant": each(lambda column: pl.Series([column.drop_nulls().first()] * len(column), dtype=column.dtype)),
    "one infinite": some_of([INF]),
    "infinite of both signs": some_of([INF, -INF]),
    "all infinite": values([INF], pl.Float64, **NUMBERS),
    "not a number": some_of([NAN, NAN, NAN]),
    "all not a number": values([NAN], pl.Float64, **NUMBERS),
    "huge": some_of([LARGE, -LARGE, LEAST, -0.0]),
    "all huge": values([LARGE, -LARGE], pl.Float64, **NUMBERS),
    "very small": values([LEAST, -LEAST, 0.0], pl.Float64, **NUMBERS),
    "ends of integers": integers(pl.Int64, [2**63 - 1, -(2**63)]),
    "unsigned integers": integers(pl.UInt64, [2**64 - 1, 5]),
    "small unsigned integers": integers(pl.UInt64, [7, 5]),
    "integers of 128 bits": integers(pl.Int128, [2**100, 5]),
    "integers of 8 bits": integers(pl.Int8, [127, -128, 5]),
    "single precision": each(lambda column: column.cast(pl.Float32), where=lambda dtype: dtype.is_float()),
    "odd texts": values(TEXTS, where=lambda dtype: dtype == pl.String),
    "old dates": values(MOMENTS, pl.Datetime("us"), where=lambda dtype: dtype == pl.Datetime),
    "first and last dates": values(ENDS, pl.Datetime("us"), where=lambda dtype: dtype.is_temporal()),
    "dates in nanoseconds": values(MOMENTS, pl.Datetime("ns"), where=lambda dtype: dtype.is_temporal()),
    "dates in milliseconds": values(MOMENTS, pl.Datetime("ms"), where=lambda dtype: dtype.is_temporal()),
    "dates beyond the calendar": each(
        lambda column: pl.Series([2**62, 5] * len(column))[: len(column)].cast(pl.Datetime("ms")),
        where=lambda dtype: dtype.is_temporal(),
    ),
    "days beyond the calendar": each(
        lambda column: pl.Series([2**30, 5] * len(column), dtype=pl.Int32)[: len(column)].cast(pl.Date),
        where=lambda dtype: dtype.is_temporal(),
    ),
}
KINDS = TYPES | VALUES
TARGETS = {
    "all null": [None], "some null": ["a", None, "b"], "one class": ["a"], "infinite": [1.0, INF, 2.0],
    "not a number": [1.0, NAN, 2.0], "huge": [LARGE, -LARGE, 1.0], "all different texts": None,
    "booleans": [True, False],
    "dates": [date(1890, 1, 1), date(2020, 1, 1)], "lists": [[1], [2]], "durations": [timedelta(1), timedelta(2)],
    "ends of integers": [2**63 - 1, -(2**63)], "unsigned integers": [2**64 - 1, 0], "texts with nothing": ["", " "],
    "decimals": [Decimal("1.5"), Decimal("2.5")], "bytes": [b"a", b"b"], "fractions": [0.5, 1.5, 2.5],
}  # fmt: skip
