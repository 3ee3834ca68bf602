"""FileSystemCatalog: a folder of files as a catalogue."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import polars as pl

from skyulf_core.data.catalog.contract import DataCatalog, DataEntry, missing, schema_of_query
from skyulf_core.data.catalog.formats import find_format, format_of
from skyulf_core.data.catalog.names import files_below, leads_inside, path_below
from skyulf_core.data.catalog.partitions import Partitions, is_partitioned, partitions_of
from skyulf_core.data.frames import Frame, to_polars
from skyulf_core.problems import DataError


class FileSystemCatalog(DataCatalog):
    """A folder of files: the name of a dataset is its path below the folder, its format is its ending.

    Reads CSV, TSV, Parquet, JSON, JSON Lines, Excel and Feather/Arrow, and folders of `key=value` folders with
    Parquet or CSV files as one dataset; writes all of them but Excel and partitioned folders. Types of CSV columns come
    from all of their values, CSV is UTF-8, and a header alone is a table of texts without rows. JSON takes no infinite
    numbers and no table without rows; NaN becomes null in it. Hidden files are not seen, and no name leads out of the
    folder.

    >>> from tempfile import mkdtemp
    >>> catalog = FileSystemCatalog(mkdtemp())
    >>> catalog.write("sales/2024.csv", pl.DataFrame({"item": ["tea", "salt"], "price": [3.5, None]}))
    >>> catalog.list(), catalog.read("sales/2024.csv")["price"].to_list()
    (['sales/2024.csv'], [3.5, None])

    >>> catalog.read("sales/2042.csv")
    Traceback (most recent call last):
    skyulf_core.problems.DataError: there is no dataset 'sales/2042.csv'. Did you mean 'sales/2024.csv'?
    """

    def __init__(self, root: str | os.PathLike[str], *, missing: Sequence[str] = ()) -> None:
        """Open a folder that exists. Raises DataError (`missing-folder`).

        In CSV and TSV files an empty field is a missing value; `missing` are words that are one too, as "NA".
        """
        self._missing = tuple(missing)
        self._root = Path(root).resolve()
        if not self._root.is_dir():
            raise DataError(f"{str(root)!r} is no folder", reason="missing-folder")

    def list(self) -> list[str]:
        """Return the names of all files of known formats and of all partitioned folders, sorted."""
        folders = {each for each in self._folders() if is_partitioned(each)}
        files = [
            path
            for path in files_below(self._root, self._root)
            if find_format(path) and folders.isdisjoint(path.parents)
        ]
        outer = [each for each in folders if folders.isdisjoint(each.parents)]
        return sorted(path.relative_to(self._root).as_posix() for path in (*files, *outer))

    def exists(self, name: str) -> bool:
        """Say whether there is a dataset of this name; a name that leads out of the folder is none."""
        try:
            path = path_below(self._root, name)
        except DataError:
            return False
        return is_partitioned(path) or (path.is_file() and find_format(path) is not None)

    def describe(self, name: str) -> DataEntry:
        """Return format, size, schema and partition keys. Raises DataError."""
        path, parts = self._find(name)
        kind = parts.format if parts else format_of(path)
        return DataEntry(
            name=name,
            format=kind.name,
            schema=schema_of_query(self.scan(name)),
            size=parts.size if parts else path.stat().st_size,
            streams=kind.streams,
            partitions=parts.keys if parts else (),
        )

    def read(self, name: str) -> pl.DataFrame:
        """Return all rows. Raises DataError for a broken, empty, unknown or missing file."""
        with _reading(name):
            return self.scan(name).collect()

    def scan(self, name: str) -> pl.LazyFrame:
        """Return the rows as a query; header and types have been looked at. Raises DataError."""
        path, parts = self._find(name)
        with _reading(name):
            frame = parts.scan() if parts else format_of(path).scan_without(path, self._missing)
            columns = pl.DataFrame(schema=frame.collect_schema())
        if not columns.width:
            raise DataError(f"{name!r} holds no columns", reason="empty-file")
        to_polars(columns)  # refuses names that no node could take
        return frame

    def write(self, name: str, data: Frame) -> None:
        """Write a file beside the wanted one and put it in its place at once; a LazyFrame is written as it is read.

        Raises DataError where the name or the format does not allow it, or the data does not fit the format.
        """
        path = path_below(self._root, name)
        kind = format_of(path)
        if kind.sink is None:
            raise DataError(f"{kind.name} files are read only; write {name!r} as .parquet or .csv", reason="read-only")
        if path.is_dir():
            raise DataError(f"{name!r} is a folder", reason="not-a-file")
        frame = data if isinstance(data, pl.LazyFrame) else to_polars(data).lazy()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not frame.collect_schema():
                raise DataError(f"{name!r} would hold no columns", reason="not-writable")
            with _settled(path) as beside:
                kind.sink(frame, beside)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise DataError(f"{name!r} cannot be written: {_first_line(error)}", reason="not-writable") from error

    def _find(self, name: str) -> tuple[Path, Partitions | None]:
        path = path_below(self._root, name)
        if is_partitioned(path):
            return path, partitions_of(self._root, path)
        if path.is_dir():
            raise DataError(f"{name!r} is a folder without key=value folders in it", reason="not-a-dataset")
        if not path.is_file():
            raise missing(name, self.list())
        format_of(path)
        if path.stat().st_size == 0:
            raise DataError(f"{name!r} is empty", reason="empty-file")
        return path, None

    def _folders(self) -> Iterator[Path]:
        for here, folders, _ in os.walk(self._root):
            folders[:] = [each for each in folders if not each.startswith(".")]
            yield from (Path(here, each) for each in folders if leads_inside(self._root, Path(here, each)))


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{name!r} is empty", reason="empty-file") from error
    except (pl.exceptions.PolarsError, OSError, UnicodeError) as error:
        raise DataError(f"{name!r} cannot be read: {_first_line(error)}", reason="broken-file") from error


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.strip().split("\n", 1)[0]


@contextmanager
def _settled(path: Path) -> Iterator[Path]:
    """Give a path to write to; bring what is there to the disk and to its name.

    After a power cut the old file or the new one is there, whole.
    """
    beside = path.with_name(f".{uuid4().hex}.part")
    try:
        yield beside
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
