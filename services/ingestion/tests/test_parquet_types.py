"""Columns of Parquet files: kept, made into a type that can be served, or refused by name."""

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.parquet_file import read_parquet

BERLIN = pa.timestamp("us", "Europe/Berlin")
REFUSED = {
    "nested": (pa.array([[1], [2]]), "nested-column"),
    "too many digits": (pa.array([Decimal(1), None], pa.decimal256(60, 10)), "unsupported-type"),
    "no such time zone": (pa.array([0, 1], pa.timestamp("us", "Mars/Phobos")), "unknown-time-zone"),
    "moments far away": (pa.array([0, 2**62], pa.timestamp("us")), "moment-out-of-range"),
    "moments long ago": (pa.array([0, -(2**61)], pa.timestamp("ms", "UTC")), "moment-out-of-range"),
    "endless durations": (pa.array([0, 2**62], pa.duration("ms")), "moment-out-of-range"),
    "days far away": (pa.array([0, 2**30], pa.int32()).cast(pa.date32()), "moment-out-of-range"),
}
KEPT = {
    "small unsigned": (pa.array([1, None], pa.uint64()), [1, None]),
    "large unsigned": (pa.array([1, 2**64 - 1], pa.uint64()), ["1", "18446744073709551615"]),
    "all null": (pa.nulls(2), [None, None]),
    "half floats": (pa.array([1.5, None], pa.float32()).cast(pa.float16()), [1.5, None]),
    "decimals": (pa.array([Decimal("1.5"), None], pa.decimal128(38, 2)), [1.5, None]),
    "an offset": (pa.array([0, None], pa.timestamp("us", "+02:00")), [datetime(1970, 1, 1, tzinfo=UTC), None]),
    "a time zone": (pa.array([0, None], BERLIN), [datetime(1970, 1, 1, tzinfo=UTC), None]),
    "the first and last days": (pa.array([date.min, date.max]), [date.min, date.max]),
    "the last moment": (pa.array([datetime.max, None]), [datetime.max.replace(tzinfo=UTC), None]),
    "nanoseconds": (pa.array([2**63 - 1, 0], pa.timestamp("ns")), None),
    "categories": (pa.array(["x", None]).dictionary_encode(), ["x", None]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_column_that_cannot_be_taken_in_is_named(tmp_path, case):
    values, code = REFUSED[case]
    pq.write_table(pa.table({"fine": [1, 2], "odd one": values}), tmp_path / "file.parquet")

    with pytest.raises(UnreadableFileError) as caught:
        read_parquet(tmp_path / "file.parquet", tmp_path)

    assert caught.value.code == code
    assert "'odd one'" in caught.value.message


def test_the_rows_with_dates_out_of_range_are_counted(tmp_path):
    days = pa.array([0, 2**30, None, -(2**30), 2**29], pa.int32()).cast(pa.date32())
    pq.write_table(pa.table({"until": days}), tmp_path / "file.parquet")

    with pytest.raises(UnreadableFileError, match="'until' has moments outside of the years 1 to 9999 in 3 rows"):
        read_parquet(tmp_path / "file.parquet", tmp_path)


@pytest.mark.parametrize("case", KEPT)
def test_values_are_kept(tmp_path, case):
    values, expected = KEPT[case]
    pq.write_table(pa.table({"column": values}), tmp_path / "file.parquet")

    column = pl.read_parquet(read_parquet(tmp_path / "file.parquet", tmp_path))["column"]

    assert expected is None or column.to_list() == expected
    assert len(column) == len(values)
