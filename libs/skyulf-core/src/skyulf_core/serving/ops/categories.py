"""Operations on categories: one_hot, ordinal, lookup."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    OpError,
    Origins,
    Row,
    RowFunction,
    Scalar,
    ValueProblem,
    any_float,
    from_plain,
    operation,
    plain,
    same_length,
    shown,
    source_needed,
    widened,
)
from skyulf_core.serving.ops.tables import Codes, Values

_UNKNOWN = -2
_NOTHING = -1


def unknown_category(row: int, column: str, value: object) -> ValueProblem:
    """Say that a category was never seen in training."""
    return ValueProblem(row, column, f"{shown(value)} was not seen in training", "unknown_category")


@operation
@dataclass(frozen=True)
class OneHot(Op):
    """Write 1 to the output of the row's category and 0 to the others.

    `outputs[i]` belongs to `categories[i]`; null there means: known, but without a column (a dropped first level).
    Categories in `infrequent` share `infrequent_output`. An unknown category is all zeros (`ignore`), goes to
    `infrequent_output` (`infrequent`; all zeros where there is none) or raises (`error`).
    A null goes to `missing_output`, or is all zeros where there is none.
    """

    op: ClassVar[str] = "one_hot"
    column: str
    categories: tuple[Scalar, ...]
    outputs: tuple[str | None, ...]
    handle_unknown: Literal["ignore", "error", "infrequent"] = "ignore"
    infrequent: tuple[Scalar, ...] = ()
    infrequent_output: str | None = None
    missing_output: str | None = None
    drop_original: bool = True

    def __post_init__(self) -> None:
        same_length("one_hot", categories=self.categories, outputs=self.outputs)
        if self.handle_unknown not in ("ignore", "error", "infrequent"):
            raise ValueError(f"one_hot: handle_unknown {self.handle_unknown!r}")

    def names(self) -> tuple[str, ...]:
        """Columns that are written, in order, each once."""
        ordered = (*self.outputs, self.infrequent_output, self.missing_output)
        return tuple(dict.fromkeys(name for name in ordered if name is not None))

    def _targets(self) -> dict[Scalar, str | None]:
        targets: dict[Scalar, str | None] = dict.fromkeys(self.infrequent, self.infrequent_output)
        targets.update(zip(self.categories, self.outputs, strict=True))
        return targets

    def row_function(self) -> RowFunction:
        """Encode one row."""
        column, drop, missing = self.column, self.drop_original, self.missing_output
        targets, zeros = self._targets(), dict.fromkeys(self.names(), 0.0)
        unknown = self.infrequent_output if self.handle_unknown == "infrequent" else None
        refuse = self.handle_unknown == "error"

        def run(values: Row) -> None:
            value = values.pop(column) if drop else values[column]
            if value is None or value != value:
                name = missing
            elif value in targets:
                name = targets[value]
            elif refuse:
                raise OpError([unknown_category(0, column, value)])
            else:
                name = unknown
            values.update(zeros)
            if name is not None:
                values[name] = 1.0

        return run

    @cached_property
    def _codes(self) -> Codes:
        position: dict[str | None, int] = {name: i for i, name in enumerate(self.names())}
        position[None] = _NOTHING
        codes = {key: position[name] for key, name in self._targets().items()}
        unknown = position[self.infrequent_output] if self.handle_unknown == "infrequent" else _NOTHING
        if self.handle_unknown == "error":
            unknown = _UNKNOWN
        return Codes(codes, missing=position[self.missing_output], unknown=unknown)

    def batch(self, columns: Columns) -> None:
        """Encode a column into float64 columns."""
        names = self.names()
        found = self._codes.of(columns[self.column])
        refuse_unknown(self.column, columns[self.column], found)
        # one line more than names, the last: the code of nothing, -1, is its position
        encoded = np.zeros((len(names) + 1, len(found)), np.float64)
        encoded[found, np.arange(len(found))] = 1.0
        if self.drop_original:
            del columns[self.column]
        columns.update(zip(names, encoded[:-1], strict=True))

    def makes(self) -> frozenset[str]:
        """Make one column per category that has one."""
        return frozenset(self.names())

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the column."""
        return source_needed(after - self.makes(), self.column, dropped=self.drop_original)

    def trace(self, origins: Origins) -> frozenset[str]:
        """No output is ever null."""
        for name in self.names():
            origins[name] = frozenset()
        return frozenset()


@operation
@dataclass(frozen=True)
class Ordinal(Op):
    """Replace a category by its position in the column's list.

    Unknown: `unknown_value` (null: the result is null), or an error. Null: `missing_value` (null: it stays null).
    """

    op: ClassVar[str] = "ordinal"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "categories")
    columns: tuple[str, ...]
    categories: tuple[tuple[Scalar, ...], ...]
    unknown_value: float | None = None
    missing_value: float | None = None
    handle_unknown: Literal["use_value", "error"] = "use_value"

    def __post_init__(self) -> None:
        same_length("ordinal", columns=self.columns, categories=self.categories)
        if self.handle_unknown not in ("use_value", "error"):
            raise ValueError(f"ordinal: handle_unknown {self.handle_unknown!r}")

    def row_function(self) -> RowFunction:
        """Encode one row."""
        pairs = tuple(
            (name, {key: float(i) for i, key in enumerate(keys)})
            for name, keys in zip(self.columns, self.categories, strict=True)
        )
        unknown, missing, refuse = self.unknown_value, self.missing_value, self.handle_unknown == "error"

        def run(values: Row) -> None:
            for name, codes in pairs:
                value = values[name]
                if value is None or value != value:
                    values[name] = missing
                elif value in codes:
                    values[name] = codes[value]
                elif refuse:
                    raise OpError([unknown_category(0, name, value)])
                else:
                    values[name] = unknown

        return run

    @cached_property
    def _tables(self) -> tuple[tuple[str, Codes, Values], ...]:
        # the last two values are those of unknown and missing, as their codes, -2 and -1, say
        return tuple(
            (
                name,
                Codes({key: i for i, key in enumerate(keys)}, missing=_NOTHING, unknown=_UNKNOWN),
                Values([*map(float, range(len(keys))), _float(self.unknown_value), _float(self.missing_value)]),
            )
            for name, keys in zip(self.columns, self.categories, strict=True)
        )

    def batch(self, columns: Columns) -> None:
        """Encode columns as float64."""
        for name, codes, values in self._tables:
            found = codes.of(columns[name])
            if self.handle_unknown == "error":
                refuse_unknown(name, columns[name], found)
            columns[name] = values.take(found)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null stops here where it has a value."""
        for name in self.columns if self.missing_value is not None else ():
            origins[name] = frozenset()
        return frozenset()


@operation
@dataclass(frozen=True)
class Lookup(Op):
    """Replace a value by the one stored for it, per column.

    A key that is not listed becomes the column's `default` (which may be null), or stays where `keep_unknown` is set.
    A null is a key like any other: it can be listed, else it follows the rule for keys that are not.
    """

    op: ClassVar[str] = "lookup"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "keys", "values", "default")
    columns: tuple[str, ...]
    keys: tuple[tuple[Scalar, ...], ...]
    values: tuple[tuple[Scalar, ...], ...]
    default: tuple[Scalar, ...]
    keep_unknown: bool = False

    def __post_init__(self) -> None:
        same_length("lookup", columns=self.columns, keys=self.keys, values=self.values, default=self.default)
        for keys, values in zip(self.keys, self.values, strict=True):
            same_length("lookup", keys=keys, values=values)

    @cached_property
    def _tables(self) -> tuple[tuple[str, dict[Scalar, Scalar], Scalar], ...]:
        tables = (dict(zip(keys, values, strict=True)) for keys, values in zip(self.keys, self.values, strict=True))
        return tuple(zip(self.columns, tables, self.default, strict=True))

    @cached_property
    def _positions(self) -> tuple[tuple[str, Codes, Values], ...]:
        return tuple((name, *_positions(table, default)) for name, table, default in self._tables)

    def row_function(self) -> RowFunction:
        """Look up one row."""
        tables, keep = self._tables, self.keep_unknown
        if keep:
            return self._keeping()

        def run(values: Row) -> None:
            for name, table, default in tables:
                value = values[name]
                values[name] = table.get(value if value == value else None, default)

        return run

    def _keeping(self) -> RowFunction:
        tables = tuple((name, table, any_float(table.values())) for name, table, _ in self._tables)

        def run(values: Row) -> None:
            for name, table, wide in tables:
                value = values[name]
                key = value if value == value else None
                found = table.get(key, key)
                values[name] = widened(found) if wide else found

        return run

    def batch(self, columns: Columns) -> None:
        """Look up columns: float64 (or int64) where the result is numbers, else objects."""
        if self.keep_unknown:
            for name, table, _ in self._tables:
                found = [table.get(k, k) for k in plain(columns[name])]
                columns[name] = from_plain([widened(v) for v in found] if any_float(table.values()) else found)
            return
        for name, codes, values in self._positions:
            columns[name] = values.take(codes.of(columns[name]))

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null stops here where it is listed or the default is a value."""
        for name, table, default in self._tables:
            result = table.get(None, None if self.keep_unknown else default)
            if result is not None:
                origins[name] = frozenset()
        return frozenset()


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _positions(table: dict[Scalar, Scalar], default: Scalar) -> tuple[Codes, Values]:
    """Return where the value of each key is, and the values; the last is the default."""
    codes = {key: position for position, key in enumerate(table)}
    return Codes(codes, missing=codes.get(None, len(codes)), unknown=len(codes)), Values([*table.values(), default])


def refuse_unknown(name: str, column: NDArray[Any], found: NDArray[np.intp]) -> None:
    """Raise OpError for the values that have no code."""
    rows = np.flatnonzero(found == _UNKNOWN)
    if len(rows):
        raise OpError([unknown_category(int(row), name, column[row : row + 1].tolist()[0]) for row in rows])
