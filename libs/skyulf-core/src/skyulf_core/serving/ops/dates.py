"""The date_parts operation: numbers out of a date or a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    Origins,
    Row,
    RowFunction,
    is_null,
    operation,
    same_length,
    source_needed,
)
from skyulf_core.serving.ops.calendar import CALENDAR_PARTS, DAY_PARTS, BatchPart, RowPart


def _days(at: NDArray[Any]) -> NDArray[Any]:
    return at.astype("datetime64[D]")


def _whole(span: NDArray[Any]) -> NDArray[np.int64]:
    return span.astype(np.int64)


def _of_year(at: NDArray[Any]) -> NDArray[Any]:
    return _whole(_days(at) - at.astype("datetime64[Y]").astype("datetime64[D]")) + 1


def _month(at: NDArray[Any]) -> NDArray[Any]:
    return at.astype("datetime64[M]").astype(np.int64) % 12 + 1


def _day(at: NDArray[Any]) -> NDArray[Any]:
    return _whole(_days(at) - at.astype("datetime64[M]").astype("datetime64[D]")) + 1


def _weekday(at: NDArray[Any]) -> NDArray[Any]:
    return (_days(at).astype(np.int64) + 3) % 7 + 1


def _week(at: NDArray[Any]) -> NDArray[Any]:
    # the ISO week of a day is the week of its Thursday, counted in the Thursday's year
    thursday = _days(at) + (4 - _weekday(at)).astype("timedelta64[D]")
    return (_of_year(thursday) - 1) // 7 + 1


def _clock(at: NDArray[Any], unit: int, size: int) -> NDArray[Any]:
    # numpy divides whole numbers by a constant quickly, but has no quick remainder
    units = at.astype("datetime64[us]", copy=False).view(np.int64) // (unit * 1_000_000)
    return units - units // size * size


def _tomorrow_is_first(at: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(_day(_days(at) + np.timedelta64(1, "D")) == 1)


def _is_month_end(at: datetime) -> bool:
    following = at.replace(day=1, month=at.month % 12 + 1, year=at.year + at.month // 12) if at.year < 9999 else None
    return at.day == (following.toordinal() - at.replace(day=1).toordinal() if following else _last_days[at.month])


_last_days = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_PARTS: dict[str, tuple[RowPart, BatchPart]] = {
    "year": (lambda t: t.year, lambda at: at.astype("datetime64[Y]").astype(np.int64) + 1970),
    "quarter": (lambda t: (t.month + 2) // 3, lambda at: (_month(at) + 2) // 3),
    "month": (lambda t: t.month, _month),
    "week": (lambda t: t.isocalendar()[1], _week),
    "day": (lambda t: t.day, _day),
    "day_of_year": (lambda t: t.timetuple().tm_yday, _of_year),
    "weekday": (lambda t: t.isoweekday(), _weekday),
    "hour": (lambda t: t.hour, lambda at: _clock(at, 3600, 24)),
    "minute": (lambda t: t.minute, lambda at: _clock(at, 60, 60)),
    "second": (lambda t: t.second, lambda at: _clock(at, 1, 60)),
    "season": (lambda t: t.month % 12 // 3, lambda at: _month(at) % 12 // 3),
    "time_of_day": (lambda t: t.hour // 6, lambda at: _clock(at, 3600, 24) // 6),
    "is_weekend": (lambda t: t.isoweekday() >= 6, lambda at: _weekday(at) >= 6),
    "is_month_start": (lambda t: t.day == 1, lambda at: _day(at) == 1),
    "is_month_end": (_is_month_end, _tomorrow_is_first),
}

CYCLES = {
    "month": (1, 12),
    "day": (1, 31),
    "day_of_year": (1, 366),
    "weekday": (1, 7),
    "hour": (0, 24),
    "minute": (0, 60),
    "second": (0, 60),
    "quarter": (1, 4),
    "week": (1, 53),
}
"""Parts that have `_sin` and `_cos`: first value and length; the angle is `2π (part - first) / length`."""


def _cyclic(part: str, wave: Callable[[float], float]) -> tuple[RowPart, BatchPart]:
    first, length = CYCLES[part]
    table = [wave(2.0 * math.pi * step / length) for step in range(length)]
    array = np.array(table, np.float64)
    row, batch = _PARTS[part]
    return (lambda t: table[int(row(t)) - first]), (lambda at: array[batch(at) - first])


for _part in CYCLES:
    _PARTS[f"{_part}_sin"] = _cyclic(_part, math.sin)
    _PARTS[f"{_part}_cos"] = _cyclic(_part, math.cos)

_PARTS |= CALENDAR_PARTS

DATE_PARTS = tuple(_PARTS)
"""Names of all parts. weekday: Monday 1 … Sunday 7; week: ISO; season: 0 December–February … 3 September–November;
time_of_day: 0 from midnight, 1 from 6, 2 from 12, 3 from 18 o'clock."""


_OF_THE_CLOCK = ("hour", "minute", "second", "time_of_day")
_OF_THE_DAY = DAY_PARTS | {part for part in _PARTS if part not in CALENDAR_PARTS and not part.startswith(_OF_THE_CLOCK)}
"""Parts that are the same at all times of a day."""

_MICROSECONDS = 86_400_000_000


class Moments:
    """A datetime64 column whose parts are taken; what they share is computed once."""

    def __init__(self, at: NDArray[Any]) -> None:
        self._at = at.astype("datetime64[us]", copy=False)
        nulls = is_null(self._at)
        self._nulls = nulls if nulls.any() else None
        if self._nulls is not None:
            known = self._at[~nulls]
            self._at = np.where(nulls, known[0] if len(known) else np.datetime64(0, "us"), self._at)

    def part(self, part: str) -> NDArray[np.float64]:
        """Return one part; NaN for NaT."""
        take = _PARTS[part][1]
        if part in _OF_THE_DAY and self._calendar is not None:
            days, places = self._calendar
            found = take(days).astype(np.float64)[places]
        else:
            found = take(self._at).astype(np.float64)
        if self._nulls is not None:
            found[self._nulls] = np.nan
        return found

    @cached_property
    def _calendar(self) -> tuple[NDArray[Any], NDArray[np.int64]] | None:
        """Return all days from the first to the last, and the place of each time's; None where there are too many."""
        days = self._at.view(np.int64) // _MICROSECONDS
        if not len(days) or days.max() - days.min() >= len(days):
            return None
        first = int(days.min())
        every = np.arange(first, int(days.max()) + 1).astype("datetime64[D]").astype("datetime64[us]")
        return every, days - first


@operation
@dataclass(frozen=True)
class DateParts(Op):
    """Write parts of a date or datetime column to columns of numbers; a null gives nulls."""

    op: ClassVar[str] = "date_parts"
    column: str
    parts: tuple[str, ...]
    outputs: tuple[str, ...]
    drop_original: bool = True

    def __post_init__(self) -> None:
        same_length("date_parts", parts=self.parts, outputs=self.outputs)
        unknown = set(self.parts) - set(_PARTS)
        if unknown:
            raise ValueError(f"date_parts: unknown parts {sorted(unknown)}")

    def row_function(self) -> RowFunction:
        """Take one row's date apart."""
        column, drop = self.column, self.drop_original
        takes = tuple((out, _PARTS[part][0]) for part, out in zip(self.parts, self.outputs, strict=True))

        def run(values: Row) -> None:
            at = values.pop(column) if drop else values[column]
            for out, take in takes:
                values[out] = None if at is None else float(take(at))

        return run

    def batch(self, columns: Columns) -> None:
        """Take a datetime64 column apart, into float64 columns."""
        at = columns.pop(self.column) if self.drop_original else columns[self.column]
        moments = Moments(at)
        for part, out in zip(self.parts, self.outputs, strict=True):
            columns[out] = moments.part(part)

    def makes(self) -> frozenset[str]:
        """Make one column per part."""
        return frozenset(self.outputs)

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the column."""
        return source_needed(after - self.makes(), self.column, dropped=self.drop_original)

    def trace(self, origins: Origins) -> frozenset[str]:
        """Every part is null where the date is."""
        source = origins.get(self.column, frozenset())
        origins.update(dict.fromkeys(self.outputs, source))
        return frozenset()
