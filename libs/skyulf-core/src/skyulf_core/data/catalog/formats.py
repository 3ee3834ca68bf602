"""File formats: how each is scanned and written."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import polars as pl

from skyulf_core.data.catalog.csv_files import scan_csv, sink_csv
from skyulf_core.data.catalog.excel import read_excel
from skyulf_core.data.catalog.writable import NOT_IN_CSV, NOT_IN_JSON, require_finite, require_types
from skyulf_core.problems import DataError

Scan: TypeAlias = Callable[[Path], pl.LazyFrame]
Sink: TypeAlias = Callable[[pl.LazyFrame, Path], None]

_MARK = codecs.BOM_UTF8


@dataclass(frozen=True)
class Format:
    """One format. `streams` says that a scan reads piece by piece; `sink` is None where it cannot be written.

    `separator` stands between the fields of a text.
    """

    name: str
    endings: tuple[str, ...]
    scan: Scan
    sink: Sink | None
    streams: bool
    separator: str | None = None

    def scan_without(self, path: Path, missing: Sequence[str]) -> pl.LazyFrame:
        """Return the rows as a query; in a text of fields each of these words is a missing value too."""
        if self.separator is None or not missing:
            return self.scan(path)
        return scan_csv(path, separator=self.separator, missing=missing)


def _sink_csv(frame: pl.LazyFrame, path: Path, *, separator: str) -> None:
    require_types(frame.collect_schema(), NOT_IN_CSV, "CSV")
    sink_csv(frame, path, separator=separator)


def _sink_parquet(frame: pl.LazyFrame, path: Path) -> None:
    frame.sink_parquet(path)


def _scan_parquet(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _scan_json(path: Path) -> pl.LazyFrame:
    return pl.read_json(path, infer_schema_length=None).lazy()


def _sink_json(frame: pl.LazyFrame, path: Path) -> None:
    rows = frame.collect()
    _require_json(rows.lazy())
    if not rows.height:
        raise _without_rows()
    rows.write_json(path)


def _scan_lines(path: Path) -> pl.LazyFrame:
    with path.open("rb") as file:  # an open file is never taken for a pattern of names
        file.seek(len(_MARK) if file.read(len(_MARK)) == _MARK else 0)
        return pl.scan_ndjson(file, infer_schema_length=None)


def _sink_lines(frame: pl.LazyFrame, path: Path) -> None:
    _require_json(frame)
    frame.sink_ndjson(path, check_extension=False)
    if not path.stat().st_size:
        raise _without_rows()


def _require_json(frame: pl.LazyFrame) -> None:
    schema = frame.collect_schema()
    require_types(schema, NOT_IN_JSON, "JSON")
    require_finite(frame, schema)


def _without_rows() -> DataError:
    return DataError("there are no rows, and JSON keeps no columns without them; write .parquet", reason="not-writable")


def _scan_arrow(path: Path) -> pl.LazyFrame:
    with path.open("rb") as file:
        is_file = file.read(6) == b"ARROW1"
    return pl.scan_ipc(path, glob=False, hive_partitioning=False) if is_file else pl.read_ipc_stream(path).lazy()


def _sink_arrow(frame: pl.LazyFrame, path: Path) -> None:
    frame.sink_ipc(path)


def _scan_excel(path: Path) -> pl.LazyFrame:
    return read_excel(path).lazy()


FORMATS = (
    Format("csv", (".csv",), partial(scan_csv, separator=","), partial(_sink_csv, separator=","), True, ","),
    Format("tsv", (".tsv", ".tab"), partial(scan_csv, separator="\t"), partial(_sink_csv, separator="\t"), True, "\t"),
    Format("parquet", (".parquet", ".pq"), _scan_parquet, _sink_parquet, True),
    Format("json", (".json",), _scan_json, _sink_json, False),
    Format("json lines", (".jsonl", ".ndjson"), _scan_lines, _sink_lines, True),
    Format("excel", (".xlsx", ".xls", ".xlsb", ".xlsm", ".ods"), _scan_excel, None, False),
    Format("arrow", (".feather", ".arrow", ".ipc"), _scan_arrow, _sink_arrow, True),
)
_BY_ENDING = {ending: each for each in FORMATS for ending in each.endings}


def find_format(path: Path) -> Format | None:
    """Return the format that the ending stands for, None for an unknown one."""
    return _BY_ENDING.get(path.suffix.lower())


def format_of(path: Path) -> Format:
    """Return the format that the ending stands for. Raises DataError (`unknown-format`) that lists the known ones."""
    found = find_format(path)
    if found is None:
        known = ", ".join(_BY_ENDING)
        raise DataError(f"{path.name!r} has no ending of a known format ({known})", reason="unknown-format")
    return found
