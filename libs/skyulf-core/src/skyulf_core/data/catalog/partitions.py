"""Partitioned folders: `year=2024/month=1/part.parquet` holds rows of year 2024 and month 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from skyulf_core.data.catalog.formats import Format, find_format, format_of
from skyulf_core.data.catalog.names import files_below
from skyulf_core.data.catalog.parts import Part, side_by_side
from skyulf_core.problems import DataError

MOST_FILES = 10_000
_NULL = "__HIVE_DEFAULT_PARTITION__"
_ALLOWED = frozenset({"csv", "parquet"})


@dataclass(frozen=True)
class Partitions:
    """The files of a partitioned folder, each with the value of every key."""

    format: Format
    keys: tuple[str, ...]
    files: tuple[tuple[Path, tuple[str | None, ...]], ...]

    @property
    def size(self) -> int:
        """All files together, in bytes."""
        return sum(path.stat().st_size for path, _ in self.files)

    def scan(self) -> pl.LazyFrame:
        """Return the rows of all files with the keys at the end; numbers of the same column are brought together.

        Raises DataError that names the file which cannot be read, has other columns, or denies its folders' names.
        """
        values = [_typed(pl.Series(key, [each[i] for _, each in self.files])) for i, key in enumerate(self.keys)]
        parts = [Part.of(path, self.format, len(self.keys)) for path, _ in self.files]
        if self.format.name == "parquet" and self._alike([part.rows for part in parts]):
            types = {each.name: each.dtype for each in values}
            paths = [path for path, _ in self.files]
            return pl.scan_parquet(paths, glob=False, hive_partitioning=True, hive_schema=types)
        keyless = [
            part.without_keys(dict(zip(self.keys, texts, strict=True)))
            for part, (_, texts) in zip(parts, self.files, strict=True)
        ]
        keyed = [
            scan.with_columns(pl.lit(each[row], each.dtype).alias(each.name) for each in values)
            for row, scan in enumerate(side_by_side(keyless))
        ]
        return pl.concat(keyed, how="vertical_relaxed")

    def _alike(self, scans: Sequence[pl.LazyFrame]) -> bool:
        """Whether polars may read all files as one, which is quicker and leaves out files that a filter excludes.

        It takes every `key=value` of a path for a key, also those above the folder.
        """
        schemas = {tuple(scan.collect_schema().items()) for scan in scans}
        above = any("=" in part for part in self.files[0][0].parts[: -1 - len(self.keys)])
        columns = {name for name, _ in next(iter(schemas))}
        return len(schemas) == 1 and not above and columns.isdisjoint(self.keys)


def is_partitioned(folder: Path) -> bool:
    """Say whether a folder holds folders named `key=value`."""
    return folder.is_dir() and any(_pair(each.name) and each.is_dir() for each in folder.iterdir())


def partitions_of(root: Path, folder: Path) -> Partitions:
    """Return the files of a partitioned folder.

    Raises DataError where it holds no file, files of several formats, other keys in some folders, or too many files.
    """
    paths = list(islice(files_below(root, folder), MOST_FILES + 1))
    if not paths:
        raise DataError(f"the partitioned folder {folder.name!r} holds no files", reason="empty-file")
    if len(paths) > MOST_FILES:
        raise DataError(f"{folder.name!r} has more than {MOST_FILES} files; join some", reason="too-many-files")
    kinds = {path: find_format(path) for path in paths}
    for path, kind in kinds.items():
        if kind is None or kind.name not in _ALLOWED:
            where = path.relative_to(folder).as_posix()
            message = f"the partitioned folder {folder.name!r} must hold Parquet or CSV files only, not {where!r}"
            raise DataError(message, reason="mixed-formats")
    first = format_of(paths[0])
    other = next((path for path in paths if kinds[path] != first), None)
    if other is not None:
        shown = f"{paths[0].relative_to(folder).as_posix()!r} and {other.relative_to(folder).as_posix()!r}"
        message = f"the partitioned folder {folder.name!r} holds files of several formats: {shown}"
        raise DataError(message, reason="mixed-formats")
    found = [(path, list(_pairs(path.parent.relative_to(folder).parts))) for path in paths]
    keys = [key for key, _ in max((pairs for _, pairs in found), key=len)]
    for path, pairs in found:
        if [key for key, _ in pairs] != keys or len(pairs) != len(path.parent.relative_to(folder).parts):
            where = path.relative_to(folder).as_posix()
            message = f"{where!r} does not lie in folders that name the keys {', '.join(keys)}"
            raise DataError(message, reason="mixed-partitions")
    files = tuple((path, tuple(value for _, value in pairs)) for path, pairs in found)
    return Partitions(first, tuple(keys), files)


def _pair(name: str) -> tuple[str, str | None] | None:
    key, equals, value = name.partition("=")
    if not (key and equals and not name.startswith(".")):
        return None
    return unquote(key), None if value == _NULL else unquote(value)


def _pairs(names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    return (pair for name in names if (pair := _pair(name)) is not None)


def _typed(texts: pl.Series) -> pl.Series:
    """Return the values as integers or dates where every one of them is written as one, so that 007 stays a text."""
    for dtype in (pl.Int64(), pl.Date()):
        found = texts.cast(dtype, strict=False) if dtype == pl.Int64 else texts.str.to_date("%Y-%m-%d", strict=False)
        if found.cast(pl.String).equals(texts):
            return found
    return texts
