"""SqliteCatalog: the tables of an SQLite file as a data source."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
from skyulf_core.data.catalog.contract import DataCatalog, DataEntry, missing, schema_of_query
from skyulf_core.data.frames import Frame, to_polars


class SqliteCatalog(DataCatalog):
    """The tables of an SQLite file by name."""

    def __init__(self, path: str | Path) -> None:
        """Open the file; it is made where there is none."""
        self._path = str(path)

    def list(self) -> list[str]:
        """Return the names of all tables, sorted."""
        with closing(sqlite3.connect(self._path)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return [str(name) for (name,) in rows]

    def describe(self, name: str) -> DataEntry:
        """Return the columns of a table. Raises DataError."""
        return DataEntry(name=name, format="sqlite", schema=schema_of_query(self.scan(name)))

    def scan(self, name: str) -> pl.LazyFrame:
        """Return a table's rows. Raises DataError for a name that `list` does not have."""
        known = self.list()
        if name not in known:
            raise missing(name, known)
        with closing(sqlite3.connect(self._path)) as connection:
            cursor = connection.execute(f"SELECT * FROM {_quoted(name)}")
            columns = [str(column[0]) for column in cursor.description]
            return pl.DataFrame(cursor.fetchall(), schema=columns, orient="row", infer_schema_length=None).lazy()

    def write(self, name: str, data: Frame) -> None:
        """Write a table, whole or not at all; one of this name is replaced."""
        frame = to_polars(data)
        columns = ", ".join(_quoted(column) for column in frame.columns)
        marks = ", ".join("?" * frame.width)
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection, connection:
            connection.execute("BEGIN")
            connection.execute(f"DROP TABLE IF EXISTS {_quoted(name)}")
            connection.execute(f"CREATE TABLE {_quoted(name)} ({columns})")
            connection.executemany(f"INSERT INTO {_quoted(name)} VALUES ({marks})", frame.rows())
            connection.execute("COMMIT")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
