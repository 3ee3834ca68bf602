"""What every catalogue of data promises, wherever its data lies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import polars as pl

from skyulf_core.data.frames import Frame, dtype_of
from skyulf_core.problems import DataError, did_you_mean
from skyulf_core.schema import ColumnSchema, Schema


@dataclass(frozen=True)
class DataEntry:
    """What is known of one dataset before its rows are read.

    `size` is in bytes, None where the source does not say; `streams` says that `scan` reads it piece by piece;
    `partitions` are the columns that come from the names of folders.
    """

    name: str
    format: str
    schema: Schema
    size: int | None = None
    streams: bool = False
    partitions: tuple[str, ...] = ()


class DataCatalog(ABC):
    """Datasets by name. Names are texts that the catalogue itself lists; what is wrong is a DataError."""

    @abstractmethod
    def list(self) -> list[str]:
        """Return the names of all datasets, sorted."""

    @abstractmethod
    def describe(self, name: str) -> DataEntry:
        """Return format, size and schema. Raises DataError (`missing-dataset`) that names the nearest dataset."""

    @abstractmethod
    def scan(self, name: str) -> pl.LazyFrame:
        """Return the rows as a query; piece by piece where `describe(name).streams`. Raises DataError."""

    @abstractmethod
    def write(self, name: str, data: Frame) -> None:
        """Write a dataset, whole or not at all; one of this name is replaced. Raises DataError."""

    def read(self, name: str) -> pl.DataFrame:
        """Return all rows. Raises DataError."""
        return self.scan(name).collect()

    def schema(self, name: str) -> Schema:
        """Return names and logical types of the columns; every column counts as nullable. Raises DataError."""
        return self.describe(name).schema

    def exists(self, name: str) -> bool:
        """Say whether there is a dataset of this name."""
        return name in self.list()


def schema_of_query(frame: pl.LazyFrame) -> Schema:
    """Return names and logical types of a query's columns without reading rows (nullable everywhere)."""
    return Schema(ColumnSchema(name, dtype_of(dtype)) for name, dtype in frame.collect_schema().items())


def missing(name: str, known: list[str]) -> DataError:
    """Return the error for a dataset that is not there."""
    hint = did_you_mean(name, known) or ("" if known else "There are none at all.")
    return DataError(f"there is no dataset {name!r}. {hint}".strip(), reason="missing-dataset")
