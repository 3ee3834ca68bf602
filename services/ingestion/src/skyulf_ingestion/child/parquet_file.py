"""Parquet to normalised Parquet: footer checked before anything is read, column types that can be served."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.names import check_names

MAX_CELLS = 2_000_000_000


def read_parquet(source: Path, scratch: Path) -> Path:
    """Write a Parquet file again with checked names and flat columns; reads it in batches.

    Raises `UnreadableFileError` for a broken or empty file, too many cells, or a nested column.
    """
    try:
        with pq.ParquetFile(source) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError("unreadable-parquet", f"The file is not a valid Parquet file: {error}") from None
    names = check_names(schema.names, "the file's schema")
    if rows == 0:
        raise UnreadableFileError("no-rows", "The Parquet file has columns but no rows.")
    if rows * len(names) > MAX_CELLS:
        raise UnreadableFileError(
            "too-many-cells", f"The file has {rows * len(names)} cells; the limit is {MAX_CELLS}."
        )
    for field in schema:
        if pa.types.is_nested(field.type):
            raise UnreadableFileError(
                "nested-column", f"Column {field.name!r} is nested ({field.type}); flatten it before the upload."
            )
    target = scratch / "typed.parquet"
    try:
        lazy = pl.scan_parquet(source)
        flat = [
            _plain(pl.col(old), dtype).alias(new)
            for (old, dtype), new in zip(lazy.collect_schema().items(), names, strict=True)
        ]
        lazy.select(flat).sink_parquet(target, compression="zstd")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableFileError("unreadable-parquet", f"The Parquet file is damaged: {error}") from None
    return target


def _plain(values: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Decimal):
        return values.cast(pl.Float64)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return values.cast(pl.String)
    if isinstance(dtype, pl.Datetime):
        aware = values.dt.convert_time_zone("UTC") if dtype.time_zone else values.dt.replace_time_zone("UTC")
        return aware.dt.cast_time_unit("us")
    if dtype.is_integer() and dtype != pl.Int64:
        return values.cast(pl.Int64) if dtype != pl.UInt64 else values.cast(pl.Float64)
    if dtype == pl.Float32:
        return values.cast(pl.Float64)
    if isinstance(dtype, pl.Binary):
        return values.bin.encode("hex")
    return values
