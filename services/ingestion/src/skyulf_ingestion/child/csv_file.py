"""CSV to Parquet in bounded memory: read as text by Arrow, type each column by all of its values, write once."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from skyulf_ingestion.child.columns import each_column
from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.head import guess_separator
from skyulf_ingestion.child.names import check_names
from skyulf_ingestion.child.records import ragged, records, too_long
from skyulf_ingestion.child.text import Encoding, choose_encoding, to_utf8

BLOCK = 8 << 20
NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL"]
DATE = r"^\d{4}-\d{2}-\d{2}$"
MOMENT = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$"
INTEGER = r"^[+-]?(0|[1-9]\d{0,18})$"
# Whole numbers beyond 18 digits and codes such as 007 stay text: as floats they would lose what they say.
FLOAT = r"^[+-]?((0|[1-9]\d{0,17})(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?$"
BOOLEANS = ["true", "false"]


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
    strings = scratch / "strings.parquet"
    _to_strings(text, strings, delimiter)
    text.unlink()
    target = scratch / "typed.parquet"
    _to_types(strings, target)
    strings.unlink()
    return target, chosen, delimiter


def _first_lines(text: Path) -> str:
    with text.open(encoding="utf-8", newline="") as reader:
        return reader.read(64 << 10)


def _to_strings(text: Path, target: Path, separator: str) -> None:
    names, lines = _header(text, separator)
    try:
        reader = pa_csv.open_csv(
            text,
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names, skip_rows=lines),
            parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.large_string() for name in names},
                null_values=NULLS,
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        with pq.ParquetWriter(target, reader.schema, compression="lz4") as writer:
            for batch in reader:
                writer.write_batch(batch)
    except pa.ArrowInvalid as error:
        # Arrow counts records and knows no lines; what it refuses is looked for again, line by line.
        _find_fault(text, separator, len(names))
        message = str(error).splitlines()[0]
        raise UnreadableFileError("unreadable-csv", f"The file cannot be parsed as CSV: {message}") from None


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
            if sum(map(len, record)) > BLOCK // 4:
                raise too_long(line)


def _to_types(strings: Path, target: Path) -> None:
    """Type every column by all of its values."""
    typed = [_typed(pl.col(name), _type_of(column, name)).alias(name) for name, column in each_column(strings)]
    pl.scan_parquet(strings).select(typed).sink_parquet(target, compression="zstd")


def _type_of(column: pl.LazyFrame, name: str) -> str:
    values = pl.col(name)
    checks = {
        "boolean": values.str.to_lowercase().is_in(BOOLEANS),
        "integer": values.str.contains(INTEGER) & values.cast(pl.Int64, strict=False).is_not_null(),
        "float": values.str.contains(FLOAT),
        "date": values.str.contains(DATE) & values.str.to_date("%Y-%m-%d", strict=False).is_not_null(),
        "datetime": values.str.contains(MOMENT) & _moment(values).is_not_null(),
    }
    found = column.select(
        pl.col(name).count().alias("present"),
        *[(check | values.is_null()).all().alias(kind) for kind, check in checks.items()],
    ).collect(engine="streaming")
    row = found.row(0, named=True)
    if not row["present"]:
        return "string"
    return next((kind for kind in checks if row[kind]), "string")


def _typed(values: pl.Expr, kind: str) -> pl.Expr:
    if kind == "boolean":
        return values.str.to_lowercase() == "true"
    if kind == "integer":
        return values.cast(pl.Int64)
    if kind == "float":
        return values.cast(pl.Float64)
    if kind == "date":
        return values.str.to_date("%Y-%m-%d")
    if kind == "datetime":
        return _moment(values)
    return values


def _moment(values: pl.Expr) -> pl.Expr:
    """ISO 8601 moments, with or without an offset; all become UTC."""
    iso = (
        values.str.replace(" ", "T", literal=True)
        .str.replace(r"Z$", "+00:00")
        .str.replace(r"([+-]\d{2})(\d{2})$", "$1:$2")
    )
    with_seconds = iso.str.replace(r"T(\d{2}:\d{2})([+-]|$)", "T$1:00$2")
    with_offset = (
        pl.when(with_seconds.str.contains(r"[+-]\d{2}:\d{2}$")).then(with_seconds).otherwise(with_seconds + "+00:00")
    )
    return with_offset.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", time_zone="UTC", strict=False)
