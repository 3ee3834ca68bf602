"""Whole columns of a batch at once, where all values are plain and valid; elsewhere each value is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import in_objects, numbers_of

_NULL = type(None)


def same_fields(rows: Sequence[object], names: Iterable[str]) -> dict[str, list[Any]] | None:
    """Return the values of each field where all rows are objects of the same fields, all of these names; else None."""
    first = rows[0] if rows else None
    if type(first) is not dict or set(map(type, rows)) != {dict}:
        return None
    present = [name for name in names if name in first]
    if set(map(len, rows)) != {len(present)}:  # type: ignore[arg-type] # all of them are dicts
        return None
    try:
        # so many fields, and every one of these: there are no others
        return {name: list(map(itemgetter(name), rows)) for name in present}  # type: ignore[arg-type]
    except KeyError:
        return None


def whole_column(dtype: str, raw: list[Any], *, nullable: bool) -> NDArray[Any] | None:
    """Return the column where all values are of its plain type and valid, else None."""
    kinds = set(map(type, raw))
    has_null = _NULL in kinds
    kinds.discard(_NULL)
    if not kinds or (has_null and not nullable):
        return None
    try:
        if dtype == "float" and kinds <= {float, int}:
            return _numbers(raw)
        if dtype == "integer" and kinds == {int}:
            whole = np.array([value for value in raw if value is not None] if has_null else raw, np.int64)
            return column_of(dtype, raw) if has_null else whole
        if dtype in ("date", "datetime") and kinds == {str}:
            return _times(dtype, raw)
    except (OverflowError, ValueError):
        return None
    if dtype == "boolean" and kinds == {bool}:
        return column_of(dtype, raw)
    if dtype in ("string", "category") and kinds == {str} and all(map(str.isascii, filter(None, raw))):
        return column_of(dtype, raw)
    return None


def _numbers(raw: list[Any]) -> NDArray[np.float64] | None:
    numbers = np.array(raw, np.float64)
    strange = len(numbers) - np.count_nonzero(np.isfinite(numbers))
    # a null has become NaN; a NaN that was sent is refused
    return numbers if strange == 0 or strange == raw.count(None) else None


def _times(dtype: str, raw: list[Any]) -> NDArray[Any] | None:
    """Return times without a zone as datetime64; a date's is its midnight."""
    times = [None if value is None else datetime.fromisoformat(value) for value in raw]
    if any(time is not None and time.tzinfo is not None for time in times):
        return None
    column = np.array(times, "datetime64[us]")
    return column.astype("datetime64[D]").astype("datetime64[us]") if dtype == "date" else column


def column_of(dtype: str, values: list[Any]) -> NDArray[Any]:
    """Return checked values as a column in the batch's form."""
    has_null = None in values
    if dtype == "integer" and has_null:
        return numbers_of(values)
    if dtype == "float" or (dtype == "boolean" and has_null):
        return np.array([np.nan if v is None else v for v in values], np.float64)
    if dtype == "integer":
        return np.array(values, np.int64)
    if dtype == "boolean":
        return np.array(values, np.bool_)
    if dtype in ("date", "datetime"):
        return np.array(values, "datetime64[us]")
    return in_objects(values)
