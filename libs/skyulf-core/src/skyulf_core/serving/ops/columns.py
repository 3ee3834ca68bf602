"""Operations on numbers and names of columns: impute, affine, clip, select, drop, rename."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    Scalar,
    as_float,
    from_plain,
    is_null,
    operation,
    plain,
    same_length,
    widened,
)


@operation
@dataclass(frozen=True)
class Impute(Op):
    """Replace the nulls of each column by its value (a number, string or boolean).

    A float makes floats of the integers beside it.
    """

    op: ClassVar[str] = "impute"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "values")
    columns: tuple[str, ...]
    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        same_length("impute", columns=self.columns, values=self.values)

    def row_function(self) -> RowFunction:
        """Fill one row."""
        fills = tuple((name, fill, type(fill) is float) for name, fill in zip(self.columns, self.values, strict=True))

        def run(values: Row) -> None:
            for name, fill, wide in fills:
                value = values[name]
                if value is None or value != value:
                    values[name] = fill
                elif wide and type(value) is int:
                    values[name] = float(value)

        return run

    def batch(self, columns: Columns) -> None:
        """Fill columns; a column without nulls keeps its dtype, unless the fill makes floats of integers."""
        for name, fill in zip(self.columns, self.values, strict=True):
            column = columns[name]
            if type(fill) is float and column.dtype.kind in "iuO":
                column = columns[name] = _widened(column)
            nulls = is_null(column)
            if not nulls.any():
                continue
            if column.dtype.kind == "f" and isinstance(fill, bool | int | float) and float(fill) == fill:
                columns[name] = np.where(nulls, float(fill), column)
            else:
                columns[name] = from_plain([fill if v is None else v for v in plain(column)])

    def trace(self, origins: Origins) -> frozenset[str]:
        """No null passes, unless the fill is null itself."""
        for name, fill in zip(self.columns, self.values, strict=True):
            if fill is not None:
                origins[name] = frozenset()
        return frozenset()


def _widened(column: NDArray[Any]) -> NDArray[Any]:
    return as_float(column) if column.dtype.kind != "O" else from_plain([widened(v) for v in plain(column)])


@operation
@dataclass(frozen=True)
class Affine(Op):
    """`(x - offset) / scale` in float64, computed in exactly this order. Nulls stay null."""

    op: ClassVar[str] = "affine"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "offsets", "scales")
    columns: tuple[str, ...]
    offsets: tuple[float, ...]
    scales: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", tuple(float(v) for v in self.offsets))
        object.__setattr__(self, "scales", tuple(float(v) for v in self.scales))
        same_length("affine", columns=self.columns, offsets=self.offsets, scales=self.scales)
        if not all(math.isfinite(v) for v in (*self.offsets, *self.scales)) or 0.0 in self.scales:
            raise ValueError("affine: offsets and scales must be finite, scales not zero")

    def row_function(self) -> RowFunction:
        """Scale one row."""
        triples = tuple(zip(self.columns, self.offsets, self.scales, strict=True))

        def run(values: Row) -> None:
            for name, offset, scale in triples:
                value = values[name]
                if value is not None:
                    scaled = (value - offset) / scale
                    values[name] = scaled if scaled == scaled else None

        return run

    def batch(self, columns: Columns) -> None:
        """Scale columns."""
        for name, offset, scale in zip(self.columns, self.offsets, self.scales, strict=True):
            with np.errstate(over="ignore", invalid="ignore"):  # as Python's floats
                columns[name] = (as_float(columns[name]) - offset) / scale


@operation
@dataclass(frozen=True)
class Clip(Op):
    """Bring each column into `[lower, upper]`; a bound of null is none. Nulls stay null.

    Whole numbers stay whole where both bounds are whole and within 2**53, else all are floats.
    """

    op: ClassVar[str] = "clip"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "lower", "upper")
    columns: tuple[str, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]

    def __post_init__(self) -> None:
        same_length("clip", columns=self.columns, lower=self.lower, upper=self.upper)

    def row_function(self) -> RowFunction:
        """Clip one row."""
        bounds = tuple(
            (name, -math.inf if low is None else low, math.inf if high is None else high, not _whole(low, high))
            for name, low, high in zip(self.columns, self.lower, self.upper, strict=True)
        )

        def run(values: Row) -> None:
            for name, low, high, wide in bounds:
                value = values[name]
                if value is None:
                    continue
                if value < low:
                    values[name] = low
                elif value > high:
                    values[name] = high
                elif wide and type(value) is int:
                    values[name] = float(value)

        return run

    def batch(self, columns: Columns) -> None:
        """Clip columns."""
        for name, low, high in zip(self.columns, self.lower, self.upper, strict=True):
            column = columns[name]
            if column.dtype.kind in "iuO" and _whole(low, high):
                columns[name] = _clipped_whole(column, low, high)
                continue
            column = as_float(column)
            if low is not None:
                column = np.where(column < low, low, column)
            if high is not None:
                column = np.where(column > high, high, column)
            columns[name] = column


def _whole(low: float | None, high: float | None) -> bool:
    return all(bound is None or (float(bound).is_integer() and abs(bound) <= 2.0**53) for bound in (low, high))


def _clipped_whole(column: NDArray[Any], low: float | None, high: float | None) -> NDArray[Any]:
    """Clip integers as integers, which floats could not tell apart."""
    least, most = (None if bound is None else int(bound) for bound in (low, high))
    if column.dtype.kind == "i":
        column = column.astype(np.int64, copy=False)
        column = column if least is None else np.where(column < least, least, column)
        return column if most is None else np.where(column > most, most, column)
    bounds = -math.inf if least is None else least, math.inf if most is None else most
    return from_plain([v if v is None else min(max(v, bounds[0]), bounds[1]) for v in plain(column)])


@operation
@dataclass(frozen=True)
class Select(Op):
    """Keep these columns only, in this order."""

    op: ClassVar[str] = "select"
    columns: tuple[str, ...]

    def row_function(self) -> RowFunction:
        """Keep the named values of one row."""

        def run(values: Row) -> None:
            kept = {name: values[name] for name in self.columns}
            values.clear()
            values.update(kept)

        return run

    def batch(self, columns: Columns) -> None:
        """Keep the named columns."""
        kept = {name: columns[name] for name in self.columns}
        columns.clear()
        columns.update(kept)


@operation
@dataclass(frozen=True)
class Drop(Op):
    """Remove these columns; one that is not there is not an error."""

    op: ClassVar[str] = "drop"
    columns: tuple[str, ...]

    def row_function(self) -> RowFunction:
        """Remove values of one row."""

        def run(values: Row) -> None:
            for name in self.columns:
                values.pop(name, None)

        return run

    def batch(self, columns: Columns) -> None:
        """Remove columns."""
        for name in self.columns:
            columns.pop(name, None)


@operation
@dataclass(frozen=True)
class Rename(Op):
    """Give the columns new names, all at once (so two can swap)."""

    op: ClassVar[str] = "rename"
    name_fields: ClassVar[tuple[str, ...]] = ("columns", "to")
    columns: tuple[str, ...]
    to: tuple[str, ...]

    def __post_init__(self) -> None:
        same_length("rename", columns=self.columns, to=self.to)

    def row_function(self) -> RowFunction:
        """Rename in one row."""

        def run(values: Row) -> None:
            moved = [values.pop(name, None) for name in self.columns]
            values.update(zip(self.to, moved, strict=True))

        return run

    def batch(self, columns: Columns) -> None:
        """Rename columns."""
        moved = {new: columns.pop(old) for old, new in zip(self.columns, self.to, strict=True) if old in columns}
        columns.update(moved)

    def makes(self) -> frozenset[str]:
        """Make the new names."""
        return frozenset(self.to)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the old names of those needed after."""
        back = dict(zip(self.to, self.columns, strict=True))
        return frozenset(back.get(name, name) for name in after)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Carry the origins to the new names."""
        moved = {new: origins.pop(old, frozenset()) for old, new in zip(self.columns, self.to, strict=True)}
        origins.update(moved)
        return frozenset()


@operation
@dataclass(frozen=True)
class Copy(Op):
    """Write each column a second time, under another name."""

    op: ClassVar[str] = "copy"
    columns: tuple[str, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        same_length("copy", columns=self.columns, outputs=self.outputs)

    def row_function(self) -> RowFunction:
        """Copy in one row."""
        pairs = tuple(zip(self.columns, self.outputs, strict=True))

        def run(values: Row) -> None:
            values.update([(new, values[old]) for old, new in pairs])

        return run

    def batch(self, columns: Columns) -> None:
        """Copy columns; operations write new arrays, so both may be the same one."""
        columns.update({new: columns[old] for old, new in zip(self.columns, self.outputs, strict=True)})

    def makes(self) -> frozenset[str]:
        """Make the copies."""
        return frozenset(self.outputs)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Keep the copies that are needed."""
        kept = [(old, new) for old, new in zip(self.columns, self.outputs, strict=True) if new in after]
        return replace(self, columns=tuple(o for o, _ in kept), outputs=tuple(n for _, n in kept)) if kept else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the originals of the copies that are needed."""
        return (after - self.makes()) | frozenset(self.columns)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Carry the origins to the copies."""
        origins.update(
            {new: origins.get(old, frozenset()) for old, new in zip(self.columns, self.outputs, strict=True)}
        )
        return frozenset()
