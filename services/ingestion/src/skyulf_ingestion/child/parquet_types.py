"""Column types of Parquet files: kept, made into one that can be served, or refused by name."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from zoneinfo import available_timezones

import polars as pl
import pyarrow as pa

from skyulf_ingestion.child.errors import UnreadableFileError

_DIGITS = 38  # of a decimal that Arrow and polars can compute with
_WHOLE_HOURS = re.compile(r"[+-]\d{2}:00")
_EPOCH = date(1970, 1, 1)
_FIRST_DAY, _END_DAY = (date.min - _EPOCH).days, (date.max - _EPOCH).days + 1
_PER_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_LARGEST = 2**63 - 1
_LONGEST = _LARGEST // 1000  # in ms: pipelines count in us


def require_supported(schema: pa.Schema) -> None:
    """Raise `UnreadableFileError` for a column whose type cannot be taken in."""
    for field in schema:
        kind = field.type
        if pa.types.is_nested(kind):
            raise _unsupported("nested-column", field, "is nested", "flatten it before the upload")
        if pa.types.is_decimal(kind) and kind.precision > _DIGITS:
            raise _unsupported("unsupported-type", field, f"has more than {_DIGITS} digits", "write it as text")
        if pa.types.is_timestamp(kind) and kind.tz is not None and not _is_zone(kind.tz):
            raise _unsupported("unknown-time-zone", field, "is in a time zone that nobody knows", "write it in UTC")


def normalised(lazy: pl.LazyFrame, names: Mapping[str, str]) -> pl.LazyFrame:
    """The same columns under their new names, in the types that datasets have.

    Raises `UnreadableFileError` with the number of rows for moments outside of the years 1 to 9999 and durations
    beyond what pipelines compute with.
    """
    schema = lazy.collect_schema()
    found = _facts(lazy, schema)
    for name, dtype in schema.items():
        if dtype.is_temporal() and found.get(name):
            raise _beyond(name, dtype, found[name])
    return lazy.select(
        _plain(pl.col(name), dtype, beyond=bool(found.get(name))).alias(names[name]) for name, dtype in schema.items()
    )


def _facts(lazy: pl.LazyFrame, schema: pl.Schema) -> dict[str, int]:
    checks = [check.alias(name) for name, dtype in schema.items() for check in _checks(pl.col(name), dtype)]
    return lazy.select(checks).collect(engine="streaming").row(0, named=True) if checks else {}


def _checks(values: pl.Expr, dtype: pl.DataType) -> Iterator[pl.Expr]:
    """In how many rows the column holds a value that its type in datasets cannot hold."""
    if dtype == pl.UInt64:
        yield (values > _LARGEST).sum()
    elif dtype == pl.Date:
        yield (~values.to_physical().is_between(_FIRST_DAY, _END_DAY - 1)).sum()
    elif isinstance(dtype, pl.Datetime):
        day = _PER_DAY[dtype.time_unit]
        low, high = max(_FIRST_DAY * day, -_LARGEST), min(_END_DAY * day - 1, _LARGEST)
        yield (~values.to_physical().is_between(low, high)).sum()
    elif dtype == pl.Duration("ms"):
        yield (~values.to_physical().is_between(-_LONGEST, _LONGEST)).sum()


def _plain(values: pl.Expr, dtype: pl.DataType, *, beyond: bool) -> pl.Expr:
    if isinstance(dtype, pl.Decimal):
        return values.cast(pl.Float64)
    if isinstance(dtype, pl.Categorical | pl.Enum) or dtype == pl.Null:
        return values.cast(pl.String)
    if isinstance(dtype, pl.Datetime):
        aware = values.dt.convert_time_zone("UTC") if dtype.time_zone else values.dt.replace_time_zone("UTC")
        return aware.dt.cast_time_unit("us")
    if dtype.is_integer() and dtype != pl.Int64:
        return values.cast(pl.String) if beyond else values.cast(pl.Int64)  # as floats they would lose digits
    if dtype.is_float() and dtype != pl.Float64:
        return values.cast(pl.Float64)
    if isinstance(dtype, pl.Binary):
        return values.bin.encode("hex")
    return values


def _is_zone(name: str) -> bool:
    return name.upper() == "UTC" or bool(_WHOLE_HOURS.fullmatch(name)) or name in available_timezones()


def _beyond(name: str, dtype: pl.DataType, rows: int) -> UnreadableFileError:
    moments, durations = "moments outside of the years 1 to 9999", "durations of more than 290,000 years"
    what = durations if dtype == pl.Duration else moments
    where = f"{rows} row{'s' if rows > 1 else ''}"
    return UnreadableFileError(
        "moment-out-of-range", f"Column {name!r} has {what} in {where}; set them to null, or correct their unit."
    )


def _unsupported(code: str, field: pa.Field, what: str, remedy: str) -> UnreadableFileError:
    return UnreadableFileError(code, f"Column {field.name!r} {what} ({field.type}); {remedy}.")
