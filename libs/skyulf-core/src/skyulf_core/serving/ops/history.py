"""Operations on rows that follow on each other: lag, rolling. New rows come after the tails of the training rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

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
    in_objects,
    is_null,
    nullable,
    numbers_of,
    operation,
    plain,
    same_length,
)
from skyulf_core.serving.ops.line import AGGREGATIONS, Line, SortKey, Windows, lay_out

Tail: TypeAlias = "NDArray[Any] | tuple[Scalar, ...]"


@dataclass(frozen=True)
class Following(Op):
    """An operation whose rows follow on each other, within groups.

    `groups[g]` holds one key per column of `group_by` (null is a key like any other; without such columns there is one
    group, with an empty key); its last training rows are `ends[g - 1] … ends[g]` of each column's tail, the oldest
    first. New rows stand after the tail of their group, sorted by `sort_by` (null last), equals in the order in which
    they came. A tail is an array (NaN is null) or scalars; `outputs[c]` are made from `columns[c]`.
    """

    sequence: ClassVar[bool] = True
    name_fields: ClassVar[tuple[str, ...]] = ("columns", "outputs", "group_by", "sort_by")
    columns: tuple[str, ...]
    outputs: tuple[tuple[str, ...], ...]
    group_by: tuple[str, ...]
    sort_by: tuple[str, ...]
    groups: tuple[tuple[Scalar, ...], ...]
    ends: NDArray[np.int64]
    tails: tuple[Tail, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", np.asarray(self.ends, np.int64))
        same_length(self.op, columns=self.columns, outputs=self.outputs, tails=self.tails)
        same_length(self.op, groups=self.groups, ends=self.ends)
        last = int(self.ends[-1]) if len(self.ends) else 0
        if any(len(tail) != last for tail in self.tails) or (np.diff(self.ends, prepend=0) < 0).any():
            raise ValueError(f"{self.op}: ends that do not fit the tails")
        for key in self.groups:
            same_length(self.op, group_by=self.group_by, key=key)

    def _span(self) -> Callable[[Row], tuple[int, int]]:
        """Return the function that finds the tail of a row's group."""
        ends = self.ends.tolist()
        spans = dict(zip(self.groups, zip([0, *ends], ends, strict=False), strict=True))
        names, nothing = self.group_by, (0, 0)
        if not names:
            only = spans.get((), nothing)
            return lambda values: only
        return lambda values: spans.get(tuple(_key(values[name]) for name in names), nothing)

    def _line(self, columns: Columns) -> Line:
        rows = len(columns[(*self.columns, *self.group_by, *self.sort_by)[0]])
        codes = np.zeros(rows, np.int64)
        if self.group_by:
            known = {key: code for code, key in enumerate(self.groups)}
            keys = zip(*(plain(columns[name]) for name in self.group_by), strict=True)
            codes = np.fromiter((known.setdefault(key, len(known)) for key in keys), np.int64, rows)
        return lay_out(codes, [_sort_key(columns[name]) for name in self.sort_by], self.ends)

    def makes(self) -> frozenset[str]:
        """Make the outputs."""
        return frozenset(name for names in self.outputs for name in names)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the columns, and what groups and orders the rows."""
        return (after - self.makes()) | {*self.columns, *self.group_by, *self.sort_by}

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null reaches the rows that follow."""
        for name, outputs in zip(self.columns, self.outputs, strict=True):
            origins.update(dict.fromkeys(outputs, origins.get(name, frozenset())))
        return frozenset()


@operation
@dataclass(frozen=True)
class Lag(Following):
    """Write each column's value of `lags[k]` rows before to `outputs[c][k]`; null where there is no such row."""

    op: ClassVar[str] = "lag"
    lags: tuple[int, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(lag < 1 for lag in self.lags):
            raise ValueError("lag: lags count from 1")
        for outputs in self.outputs:
            same_length("lag", outputs=outputs, lags=self.lags)

    def row_function(self) -> RowFunction:
        """Look back from one row, which comes next after its group's tail."""
        span = self._span()
        takes = [
            (out, lag, tail.item if isinstance(tail, np.ndarray) else tail.__getitem__)
            for outputs, tail in zip(self.outputs, self.tails, strict=True)
            for out, lag in zip(outputs, self.lags, strict=True)
        ]

        def run(values: Row) -> None:
            start, end = span(values)
            for out, lag, item in takes:
                values[out] = _key(item(end - lag)) if end - lag >= start else None

        return run

    def batch(self, columns: Columns) -> None:
        """Look back from each row."""
        if not self.columns:
            return
        line = self._line(columns)
        for name, outputs, tail in zip(self.columns, self.outputs, self.tails, strict=True):
            values = _joined(tail, columns[name])
            for out, lag in zip(outputs, self.lags, strict=True):
                columns[out] = _taken(values, line.lagged(lag))


@operation
@dataclass(frozen=True)
class Rolling(Following):
    """Write aggregates of the last `window` rows' values, nulls left out, to `outputs[c]`, one per aggregation.

    The window ends with the row itself, or with the row before it (`closed` is `left`). With fewer than `min_periods`
    values the result is null; `count` never is. `std` is that of samples.
    """

    op: ClassVar[str] = "rolling"
    aggregations: tuple[str, ...]
    window: int
    min_periods: int
    closed: str = "right"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.closed not in ("right", "left") or self.window < 1 or self.min_periods < 1:
            raise ValueError(f"rolling: closed {self.closed!r}, window {self.window}, min_periods {self.min_periods}")
        if set(self.aggregations) - set(AGGREGATIONS):
            raise ValueError(f"rolling: aggregations {self.aggregations}")
        for outputs in self.outputs:
            same_length("rolling", outputs=outputs, aggregations=self.aggregations)

    def windows(self) -> Windows:
        """Return the windows themselves."""
        return Windows(self.window, 1 if self.closed == "left" else 0, self.min_periods)

    def row_function(self) -> RowFunction:
        """Aggregate for one row, which comes next after its group's tail."""
        span, windows = self._span(), self.windows()
        before, itself = (self.window, False) if windows.offset else (self.window - 1, True)
        takes = [
            (name, tail, tuple(zip(outputs, self.aggregations, strict=True)))
            for name, outputs, tail in zip(self.columns, self.outputs, self.tails, strict=True)
        ]

        def run(values: Row) -> None:
            start, end = span(values)
            for name, tail, pairs in takes:
                window = list(tail[max(start, end - before) : end]) + ([values[name]] if itself else [])
                past = [float(v) for v in window if v is not None and v == v]
                for out, aggregation in pairs:
                    values[out] = windows.of_row(past, aggregation)

        return run

    def batch(self, columns: Columns) -> None:
        """Aggregate for each row."""
        if not self.columns:
            return
        line, windows = self._line(columns), self.windows()
        for name, outputs, tail in zip(self.columns, self.outputs, self.tails, strict=True):
            values = np.concatenate([_floats(tail), as_float(columns[name])])[line.source]
            for out, aggregation in zip(outputs, self.aggregations, strict=True):
                columns[out] = windows.of_line(values, line, aggregation)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A count is never null."""
        super().trace(origins)
        for outputs in self.outputs:
            counts = (out for out, name in zip(outputs, self.aggregations, strict=True) if name == "count")
            origins.update(dict.fromkeys(counts, frozenset()))
        return frozenset()


def _key(value: Any) -> Any:
    return None if value != value else value


def _sort_key(column: NDArray[Any]) -> SortKey:
    nulls = is_null(column)
    if column.dtype.kind != "O":
        return (column.view(np.int64) if column.dtype.kind == "M" else column), nulls
    values = plain(column)
    place = {value: number for number, value in enumerate(sorted({v for v in values if v is not None}))}
    return np.fromiter((0 if v is None else place[v] for v in values), np.int64, len(column)), nulls


def _objects(values: Tail) -> NDArray[Any]:
    return in_objects(plain(values) if isinstance(values, np.ndarray) else values)


def _floats(tail: Tail) -> NDArray[np.float64]:
    return as_float(tail if isinstance(tail, np.ndarray) else _objects(tail))


def _joined(tail: Tail, column: NDArray[Any]) -> NDArray[Any]:
    """Return tail and column as one: objects for texts and large integers, other numbers as they are or as floats."""
    if column.dtype.kind == "O":
        return np.concatenate([_objects(tail), column])
    if isinstance(tail, np.ndarray) and tail.dtype == column.dtype:
        return np.concatenate([tail, column])
    both = nullable(tail) if isinstance(tail, np.ndarray) else numbers_of(tail), nullable(column)
    if any(part.dtype.kind == "O" for part in both):
        return in_objects([value for part in both for value in plain(part)])
    return np.concatenate(both)


def _taken(values: NDArray[Any], source: NDArray[np.int64]) -> NDArray[Any]:
    missing = source < 0
    if not missing.any():
        return values[source]
    values = nullable(values)
    found = values[np.where(missing, 0, source)] if len(values) else np.empty(len(source), values.dtype)
    found[missing] = None if values.dtype.kind == "O" else np.nan
    return found
