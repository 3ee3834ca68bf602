"""The files of a partitioned folder, brought to the same columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from skyulf_core.data.catalog.formats import Format
from skyulf_core.data.frames import dtype_of
from skyulf_core.problems import DataError


@dataclass(frozen=True)
class Part:
    """One file: its name below the folder, its rows, and whether its types were guessed from them."""

    name: str
    rows: pl.LazyFrame
    types: pl.Schema
    guessed: bool

    @classmethod
    def of(cls, path: Path, kind: Format, depth: int) -> Part:
        """Look at a file that lies `depth` folders below. Raises DataError that names it."""
        name = "/".join(path.parts[-1 - depth :])
        try:
            rows = kind.scan(path)
            return cls(name, rows, rows.collect_schema(), kind.name == "csv")
        except DataError as error:
            raise DataError(f"{name!r}: {error.message}", reason=error.reason, column=error.column) from error
        except pl.exceptions.NoDataError as error:
            raise DataError(f"{name!r} is empty", reason="empty-file") from error
        except pl.exceptions.PolarsError as error:
            why = str(error).strip().split("\n", 1)[0]
            raise DataError(f"{name!r} cannot be read: {why}", reason="broken-file") from error

    def without_keys(self, keys: Mapping[str, str | None]) -> Part:
        """Return the part without columns of its own that say what its folders say.

        Raises DataError (`mixed-partitions`) where they say something else.
        """
        own = [key for key in keys if key in self.types]
        for key in own:
            if self._denies(key, keys[key]):
                message = f"column {key!r} of {self.name!r} has other values than the name of its folder"
                raise DataError(message, reason="mixed-partitions", column=key)
        types = pl.Schema({name: dtype for name, dtype in self.types.items() if name not in own})
        return Part(self.name, self.rows.drop(own), types, self.guessed)

    def aligned(self, columns: Sequence[str], first: str) -> Part:
        """Return the part with its columns in this order. Raises DataError for other columns than those of `first`."""
        lacking = next((name for name in columns if name not in self.types), None)
        if lacking is not None:
            message = f"{self.name!r} has no column {lacking!r}, which {first!r} has"
            raise DataError(message, reason="mixed-columns", column=lacking)
        more = next((name for name in self.types if name not in columns), None)
        if more is not None:
            message = f"{self.name!r} has the column {more!r}, which {first!r} has not"
            raise DataError(message, reason="mixed-columns", column=more)
        return Part(self.name, self.rows.select(columns), pl.Schema({n: self.types[n] for n in columns}), self.guessed)

    def without_values(self, unsure: Sequence[str]) -> list[str]:
        """Return the columns without a value among those: texts by guess, and all of declared types without rows."""
        asked = [name for name in unsure if self.types[name] == pl.String or not self.guessed]
        counts = self.rows.select(pl.col(asked).count()).collect().row(0, named=True) if asked else {}
        return [name for name, count in counts.items() if not count]

    def without_types(self, names: Sequence[str]) -> Part:
        """Return the part with columns that have no values as columns without a type."""
        types = pl.Schema({name: pl.Null() if name in names else dtype for name, dtype in self.types.items()})
        return Part(self.name, self.rows.with_columns(pl.lit(None).alias(name) for name in names), types, self.guessed)

    def _denies(self, key: str, text: str | None) -> bool:
        own, said = pl.col(key), pl.lit(text, pl.String)
        denied = own.cast(pl.String).ne_missing(said)
        if text is not None and self.types[key].is_numeric():  # 007 is the text of a 7
            denied &= own.ne_missing(said.cast(self.types[key], strict=False))
        return bool(self.rows.select(denied.any()).collect().item())


def side_by_side(parts: Sequence[Part]) -> list[pl.LazyFrame]:
    """Return the rows of each part with the columns of the first, in its order; parts without values decide no types.

    Raises DataError (`mixed-columns`) for parts with other columns, and for types that do not go together.
    """
    first = parts[0]
    same = [part.aligned(first.types.names(), first.name) for part in parts]
    unsure = [name for name in first.types if len({part.types[name] for part in same}) > 1]
    sure = [part.without_types(part.without_values(unsure)) for part in same]
    for name in unsure:
        _require_kin(name, sure)
    return [part.rows for part in sure]


def _require_kin(name: str, parts: Sequence[Part]) -> None:
    """Raise DataError for a column whose types have none in common that keeps their values."""
    found = {_kin(part.types[name]): part for part in parts if part.types[name] != pl.Null}
    if len(found) > 1 and ("string" not in found or "other" in found):
        (one, first), (other, second) = list(found.items())[:2]
        message = f"column {name!r} is {one} in {first.name!r} and {other} in {second.name!r}; write it alike"
        raise DataError(message, reason="mixed-columns", column=name)


def _kin(dtype: pl.DataType) -> str:
    """Return what types have in common that may become one: numbers, moments, texts, or nothing."""
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, pl.Date | pl.Datetime):
        return "date"
    found = dtype_of(dtype)
    return "string" if found == "category" else found
