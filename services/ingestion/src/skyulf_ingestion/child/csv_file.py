"""CSV to Parquet in bounded memory: read as text by Arrow, type each column by all of its values, write once.

Everything goes block by block, so what is in memory does not depend on how long the file is.
"""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from skyulf_ingestion.child.column_types import ColumnTypes, typed
from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.head import guess_separator
from skyulf_ingestion.child.names import check_names
from skyulf_ingestion.child.records import ragged, records, too_long
from skyulf_ingestion.child.text import Encoding, choose_encoding, to_utf8

BLOCK = 1 << 20
LARGEST_BLOCK = 8 << 20
GROUP = 16 << 20
OLDEST = pl.CompatLevel.oldest()
NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]


def read_csv(source: Path, scratch: Path, *, encoding: str | None, separator: str | None) -> tuple[Path, Encoding, str]:
    """Turn a CSV file into a Parquet file with typed columns; returns it, the encoding and the separator.

    Raises `UnreadableFileError`, naming the line, for what cannot be parsed.
    """
    with source.open("rb") as reader:
        chosen = choose_encoding(reader.read(16), encoding)
    text = scratch / "text.csv"
    quotes = to_utf8(source, text, chosen)
    delimiter = separator or guess_separator(_first_lines(text))
    if quotes % 2:
        _require_closed_quotes(text, delimiter)
    strings = scratch / "strings.arrow"
    types = _to_strings(text, strings, delimiter)
    text.unlink()
    target = scratch / "typed.parquet"
    _to_types(strings, target, types)
    strings.unlink()
    return target, chosen, delimiter


def _first_lines(text: Path) -> str:
    with text.open(encoding="utf-8", newline="") as reader:
        return reader.read(64 << 10)


def _to_strings(text: Path, target: Path, separator: str) -> dict[str, str]:
    """Write every value as text, and return the type that all values of each column have."""
    names, lines = _header(text, separator)
    try:
        return _parse(text, target, separator, names, lines, BLOCK)
    except pa.ArrowInvalid:
        pass  # perhaps only since a record is longer than a block
    try:
        return _parse(text, target, separator, names, lines, LARGEST_BLOCK)
    except pa.ArrowInvalid as error:
        # Arrow counts records and knows no lines; what it refuses is looked for again, line by line.
        _find_fault(text, separator, len(names))
        message = str(error).splitlines()[0]
        raise UnreadableFileError("unreadable-csv", f"The file cannot be parsed as CSV: {message}") from None


def _parse(text: Path, target: Path, separator: str, names: list[str], lines: int, block: int) -> dict[str, str]:
    types = ColumnTypes(names)
    reader = pa_csv.open_csv(
        text,
        read_options=pa_csv.ReadOptions(use_threads=False, block_size=block, column_names=names, skip_rows=lines),
        parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types={name: pa.large_string() for name in names},
            null_values=NULLS,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    with pa.ipc.new_stream(target, reader.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for batch in reader:
            types.look_at(pl.from_arrow(batch, rechunk=False))  # type: ignore[arg-type]  # a batch is a frame
            writer.write_batch(batch)
    return types.found()


def _header(text: Path, separator: str) -> tuple[list[str], int]:
    """Return the column names, and the number of lines until the data begins."""
    with text.open(encoding="utf-8", newline="") as stream:
        found = records(stream, separator)
        first = next(found, None)
        if first is None:
            raise UnreadableFileError("empty-file", "The file has no header line.")
        line, header = first
        names = check_names(header, f"the header (line {line})")
        if any("\n" in name or "\r" in name for name in names):
            raise UnreadableFileError("line-break-in-header", "A column name in the header contains a line break.")
        if next(found, None) is None:
            raise UnreadableFileError("no-rows", f"The file has a header (line {line}) but no rows.")
    return names, line


def _require_closed_quotes(text: Path, separator: str) -> None:
    with text.open(encoding="utf-8", newline="") as stream:
        for _ in records(stream, separator, strict=True):
            pass


def _find_fault(text: Path, separator: str, width: int) -> None:
    with text.open(encoding="utf-8", newline="") as stream:
        for line, record in records(stream, separator):
            if len(record) != width:
                raise ragged(line, expected=width, found=len(record))
            if sum(map(len, record)) > LARGEST_BLOCK // 4:
                raise too_long(line)


def _to_types(strings: Path, target: Path, types: dict[str, str]) -> None:
    """Write the columns with their types, in groups of rows that are neither small nor large."""
    casts = [typed(pl.col(name), kind).alias(name) for name, kind in types.items()]
    with pa.OSFile(str(strings)) as file, pa.ipc.open_stream(file) as source:
        first = pl.from_arrow(source.schema.empty_table()).select(casts)  # type: ignore[union-attr]
        with pq.ParquetWriter(target, first.to_arrow(compat_level=OLDEST).schema, compression="zstd") as writer:
            waiting: list[pa.Table] = []
            for batch in source:
                block = pl.from_arrow(batch, rechunk=False).select(casts)  # type: ignore[union-attr]
                waiting.append(block.to_arrow(compat_level=OLDEST))
                if sum(table.nbytes for table in waiting) >= GROUP:
                    writer.write_table(pa.concat_tables(waiting))
                    waiting = []
            if waiting:
                writer.write_table(pa.concat_tables(waiting))
