"""Parquet to normalised Parquet: footer checked before anything is read, column types that can be served."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.names import check_names
from skyulf_ingestion.child.parquet_types import normalised, require_supported

MAX_CELLS = 2_000_000_000


def read_parquet(source: Path, scratch: Path) -> Path:
    """Write a Parquet file again with checked names and flat columns; reads it in batches.

    Raises `UnreadableFileError` for a broken or empty file, too many cells, or a column that cannot be taken in.
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
    require_supported(schema)
    target = scratch / "typed.parquet"
    try:
        renamed = dict(zip(schema.names, names, strict=True))
        normalised(pl.scan_parquet(source), renamed).sink_parquet(target, compression="zstd")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise UnreadableFileError("unreadable-parquet", f"The Parquet file is damaged: {error}") from None
    return target
