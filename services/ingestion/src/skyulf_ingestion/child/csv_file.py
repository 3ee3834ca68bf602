"""CSV to Parquet in bounded memory: read as text by Arrow, type each column by all of its values, write once."""

import csv
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from skyulf_ingestion.child.errors import UnreadableFileError
from skyulf_ingestion.child.head import guess_separator, ragged
from skyulf_ingestion.child.names import check_names
from skyulf_ingestion.child.text import Encoding, choose_encoding, to_utf8, unterminated_quote

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
    to_utf8(source, text, chosen)
    delimiter = separator or guess_separator(_first_lines(text))
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
    names = _header(text, separator)
    refused: list[UnreadableFileError] = []

    def refuse(row: pa_csv.InvalidRow) -> str:
        # Arrow counts records, not lines: a quoted line break makes the two differ, so the line is looked up.
        refused.append(ragged(_line_of(text, row.number), expected=row.expected_columns, found=row.actual_columns))
        return "error"

    try:
        with text.open("rb") as stream:
            stream.readline()
            reader = pa_csv.open_csv(
                stream,
                read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK, column_names=names),
                parse_options=pa_csv.ParseOptions(
                    delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse
                ),
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
        if refused:
            raise refused[0] from None
        raise _arrow_refusal(text, str(error)) from None


def _header(text: Path, separator: str) -> list[str]:
    with text.open(encoding="utf-8-sig", newline="") as reader:
        names = check_names(next(csv.reader(reader, delimiter=separator), []))
        if any("\n" in name for name in names):
            raise UnreadableFileError("line-break-in-header", "A column name in the header contains a line break.")
        if not names:
            raise UnreadableFileError("empty-file", "The file has no header line.")
        if not any(line.strip() for line in reader):
            raise UnreadableFileError("no-rows", "The file has a header (line 1) but no rows.")
    return names


def _arrow_refusal(text: Path, message: str) -> UnreadableFileError:
    if "straddling" in message or "truncated" in message or "quoted" in message:
        return unterminated_quote(1)
    return UnreadableFileError("unreadable-csv", f"The file cannot be parsed as CSV: {message.splitlines()[0]}")


def _line_of(text: Path, record: int | None) -> int:
    if record is None:
        return 0
    with text.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        for number, _ in enumerate(reader, start=1):
            if number > record:
                break
        return reader.line_num


def _to_types(strings: Path, target: Path) -> None:
    """Type every column by all of its values, one column in memory at a time."""
    lazy = pl.scan_parquet(strings)
    names = lazy.collect_schema().names()
    typed = [_typed(pl.col(name), _type_of(lazy, name)).alias(name) for name in names]
    lazy.select(typed).sink_parquet(target, compression="zstd")


def _type_of(lazy: pl.LazyFrame, name: str) -> str:
    values = pl.col(name)
    checks = {
        "boolean": values.str.to_lowercase().is_in(BOOLEANS),
        "integer": values.str.contains(INTEGER) & values.cast(pl.Int64, strict=False).is_not_null(),
        "float": values.str.contains(FLOAT),
        "date": values.str.contains(DATE) & values.str.to_date("%Y-%m-%d", strict=False).is_not_null(),
        "datetime": values.str.contains(MOMENT) & _moment(values).is_not_null(),
    }
    found = lazy.select(
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
