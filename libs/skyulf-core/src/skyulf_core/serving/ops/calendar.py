"""Parts of a time that series need: where it stands in its day, week, quarter and year, and since 1970."""

from __future__ import annotations

import math
from calendar import isleap, monthrange
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

RowPart: TypeAlias = Callable[[datetime], float]
BatchPart: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]

MOST_WAVES = 10
PERIODS = ("daily", "weekly", "yearly")
_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400_000_000  # microseconds


def _days(at: NDArray[Any]) -> NDArray[np.int64]:
    return at.astype("datetime64[D]").astype(np.int64)


def _months(at: NDArray[Any]) -> NDArray[np.int64]:
    return at.astype("datetime64[M]").astype(np.int64)


def _first_day(at: NDArray[Any], unit: str, later: int = 0) -> NDArray[np.int64]:
    """Return the first day of the month or year of each time, or of a later one."""
    return (at.astype(f"datetime64[{unit}]") + later).astype("datetime64[D]").astype(np.int64)


def _of_day(at: NDArray[Any]) -> NDArray[np.int64]:
    return at.astype("datetime64[us]").astype(np.int64) % _DAY


def _row_of_day(t: datetime) -> int:
    return ((t.hour * 60 + t.minute) * 60 + t.second) * 1_000_000 + t.microsecond


def _row_epoch(t: datetime) -> float:
    span = t - _EPOCH
    return float((span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds) / 1e6


def _first_of(months: int) -> BatchPart:
    """Mark the first days of spans of so many months."""
    return lambda at: (_months(at) % months == 0) & (_days(at) == _first_day(at, "M"))


def _last_of(months: int) -> BatchPart:
    return lambda at: (_months(at) % months == months - 1) & (_days(at) + 1 == _first_day(at, "M", 1))


def _last_day(t: datetime) -> bool:
    return t.day == monthrange(t.year, t.month)[1]


_SHARES: dict[str, tuple[RowPart, BatchPart]] = {
    "daily": (lambda t: _row_of_day(t) / _DAY, lambda at: _of_day(at) / _DAY),
    "weekly": (
        lambda t: (t.weekday() * _DAY + _row_of_day(t)) / (7 * _DAY),
        lambda at: ((_days(at) + 3) % 7 * _DAY + _of_day(at)) / (7 * _DAY),
    ),
    "yearly": (
        lambda t: ((t.timetuple().tm_yday - 1) * _DAY + _row_of_day(t)) / ((365 + isleap(t.year)) * _DAY),
        lambda at: (
            ((_days(at) - _first_day(at, "Y")) * _DAY + _of_day(at))
            / ((_first_day(at, "Y", 1) - _first_day(at, "Y")) * _DAY)
        ),
    ),
}  # fmt: skip


def _wave(period: str, turn: Callable[[float], float], order: int) -> tuple[RowPart, BatchPart]:
    row, batch = _SHARES[period]
    step = 2.0 * math.pi * order

    def waves(at: NDArray[Any]) -> NDArray[np.float64]:
        # the C library's sine for rows and batches alike: numpy's may differ by the last bit
        shares, places = np.unique(batch(at), return_inverse=True)
        return np.array([turn(step * share) for share in shares.tolist()], np.float64)[places]

    return (lambda t: turn(step * row(t))), waves


CALENDAR_PARTS: dict[str, tuple[RowPart, BatchPart]] = {
    "is_quarter_start": (lambda t: t.day == 1 and t.month % 3 == 1, _first_of(3)),
    "is_quarter_end": (lambda t: t.month % 3 == 0 and _last_day(t), _last_of(3)),
    "is_year_start": (lambda t: t.day == 1 and t.month == 1, _first_of(12)),
    "is_year_end": (lambda t: t.day == 31 and t.month == 12, _last_of(12)),
    "is_leap_year": (lambda t: isleap(t.year), lambda at: _first_day(at, "Y", 1) - _first_day(at, "Y") == 366),
    "days_in_month": (
        lambda t: monthrange(t.year, t.month)[1],
        lambda at: _first_day(at, "M", 1) - _first_day(at, "M"),
    ),
    "seconds_of_day": (lambda t: _row_of_day(t) / 1e6, lambda at: _of_day(at) / 1e6),
    "epoch_seconds": (_row_epoch, lambda at: at.astype("datetime64[us]").astype(np.int64) / 1e6),
    **{
        f"{period}_{name}_{order}": _wave(period, turn, order)
        for period in PERIODS
        for order in range(1, MOST_WAVES + 1)
        for name, turn in (("sin", math.sin), ("cos", math.cos))
    },
}
"""Beside those of `ops.dates`. A wave is the sine or cosine of `2π · order · share` of a period (week: from Monday)."""

DAY_PARTS = frozenset(part for part in CALENDAR_PARTS if part.startswith(("is_", "days_")))
"""Those that are the same at all times of a day."""
