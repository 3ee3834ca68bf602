"""CSV and TSV files: UTF-8, one header, types from all values."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import polars as pl

from skyulf_core.problems import DataError

MOST_HEADER = 64 << 20
"""So many letters a line of the header has at most."""

_FIRST = 100
"""Where so many first values are not all dates, the column is none of dates."""


def scan_csv(path: Path, *, separator: str, missing: Sequence[str] = ()) -> pl.LazyFrame:
    """Return the rows as a query. Raises DataError for a header that cannot be read for certain.

    An empty field is a missing value, and so is each of the words `missing`.
    """
    names = _header(path, separator)
    words = ["", *missing] if missing else None
    scan = partial(pl.scan_csv, path, separator=separator, glob=False, null_values=words)
    frame = scan(schema=_types(scan), try_parse_dates=True)
    # polars leaves the doubled quotes of a quoted name as they are
    doubled = {name.replace('"', '""'): name for name in names if '"' in name}
    return frame.rename(doubled) if doubled else frame


def _types(scan: Callable[..., pl.LazyFrame]) -> pl.Schema:
    """Return the types of all columns, from all of their values: the first ones would promise what a later one breaks.

    Dates are looked for among the distinct texts of columns that begin with dates: a look at every value of a table
    takes polars twenty times as long as reading it.
    """
    found = scan(infer_schema_length=None).collect_schema()
    texts = scan(infer_schema_length=0)
    for name in [name for name, dtype in found.items() if dtype == pl.String]:
        column = texts.select(pl.col(name).alias("x")).drop_nulls()
        for values in (column.head(_FIRST), column.unique()):
            dtype = _dates(values.collect()) or pl.String()
            if not dtype.is_temporal():
                break
        else:
            found[name] = dtype
    return found


def _dates(values: pl.DataFrame) -> pl.DataType | None:
    """Return the type of texts that are all dates or moments, None for others."""
    written = values.write_csv(None, include_header=True, quote_style="always").encode()
    found = pl.read_csv(written, infer_schema_length=None, try_parse_dates=True).schema["x"] if values.height else None
    return found if found is not None and found.is_temporal() else None


def sink_csv(frame: pl.LazyFrame, path: Path, *, separator: str) -> None:
    """Write the rows of a query. A frame without rows becomes a header, which is read back as columns of texts."""
    frame.sink_csv(path, separator=separator, check_extension=False)


def _header(path: Path, separator: str) -> Sequence[str]:
    _refuse_wide_letters(path)
    lines: list[str] = []
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        try:
            rows = csv.reader(_lines(file, lines), delimiter=separator, strict=True)
            names = next((row for row in rows if row), [])
        except csv.Error as error:
            raise DataError(f"the header cannot be read: {error}", reason="broken-file") from error
    if lines and lines[-1].endswith("\r"):
        message = "its lines end with carriage returns alone; save it with line feeds at the ends of lines"
        raise DataError(message, reason="broken-file")
    text = "".join(lines)
    if not text.isascii() and any("\udc80" <= letter <= "\udcff" for letter in text):  # what was no UTF-8
        raise _not_utf8("its header has other bytes")
    _check(names, text)
    return names


def _check(names: Sequence[str], text: str) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(f"column {name!r} occurs twice", reason="duplicate-columns", column=name)
        quoted = name.replace('"', '""')
        if quoted != name and f'"{quoted}"' not in text:
            message = f'column {name!r} has a quote in its name; write it as "{quoted}", with quotes around it'
            raise DataError(message, reason="invalid-column-name", column=name)


def _lines(file: TextIO, read: list[str]) -> Iterator[str]:
    """Yield the lines of a file, and keep those that were asked for."""
    while line := file.readline(MOST_HEADER):
        if len(line) == MOST_HEADER:
            raise DataError(f"the header has a line of more than {MOST_HEADER} letters", reason="broken-file")
        read.append(line)
        yield line


def _refuse_wide_letters(path: Path) -> None:
    with path.open("rb") as file:
        begin = file.read(1024)
    if begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise _not_utf8("it begins as UTF-16 or UTF-32 does")
    if b"\0" in begin.split(b"\n", 1)[0]:
        raise _not_utf8("its header has zero bytes, as UTF-16 has")


def _not_utf8(why: str) -> DataError:
    return DataError(f"the file is not UTF-8 ({why}); save it as UTF-8", reason="broken-file")
