"""TimeSplit: the latest rows held out."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, StrictInt, model_validator

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import SplitRows, Splitter, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.splitting.common import SplitConfig, column_problems, complete, target_problems, usable_rows
from skyulf_core.nodes.splitting.train_test_split import Size
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMERIC, TEMPORAL, Schema

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class TimeSplitConfig(SplitConfig):
    """What time is, and how much of its end to hold out."""

    column: str = Field(
        title="Time",
        description="Dates, datetimes or numbers that say which row is earlier.",
        json_schema_extra={"x-widget": "column"},
    )
    test_size: Size = Field(
        default=0.2, title="Test size", description="Share of the rows, or their number, at the end of time."
    )
    validation_size: Size | None = Field(
        default=None, title="Validation size", description="Share (of all rows) or number of rows just before the test."
    )
    gap: Annotated[StrictInt, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]{1,6}[smhdw]$")] = Field(
        default=0,
        title="Gap",
        description="What is left out before each held-out part: a number of rows, or a time as `12h`, `7d`, `2w`.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> TimeSplitConfig:
        shares = [size for size in (self.test_size, self.validation_size) if isinstance(size, float)]
        if sum(shares) >= 1.0:
            raise ValueError("test_size and validation_size leave no training rows")
        return self

    def gap_seconds(self) -> int | None:
        """Return the gap as a time, or None where it is a number of rows."""
        return int(self.gap[:-1]) * _UNITS[self.gap[-1]] if isinstance(self.gap, str) else None


@NodeRegistry.register("TimeSplit")
class TimeSplitter(Splitter[TimeSplitConfig]):
    """Train on earlier rows, judge on later ones.

    Each split holds its rows from early to late; rows of one moment keep the order of the frame. Rows of one moment are
    never on two sides: those at the border go to the later split, which may grow by them. A gap in rows leaves out at
    least so many before each held-out part (whole moments), one in time those nearer than that to its first moment. Of
    different moments, without a gap in time, the rows are those of the last split of scikit-learn's TimeSeriesSplit.
    The column stays a feature: drop it with DropColumns, or take it apart with DateParts.

    >>> data = pl.DataFrame({"day": [3, 1, 2, 5, 4, 5], "y": [0, 1, 0, 1, 0, 1]})
    >>> rows = TimeSplitter().split(data, TimeSplitConfig(target="y", column="day", test_size=1, gap=1), task=None)
    >>> rows.train.tolist(), rows.test.tolist()
    ([1, 2, 0], [3, 5])

    >>> TimeSplitter().split(data.tail(1), TimeSplitConfig(target="y", column="day"), task=None)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: of 1 row none is left to train on before the held-out ones and the gap; take more \
rows, hold out fewer, or go by a column with more different moments
    """

    family = "splitting"
    keywords = ("time", "temporal", "forecast", "holdout", "backtest", "gap", "embargo", "target")
    examples = (
        {"target": "label", "column": "day"},
        {"target": "label", "column": "day", "validation_size": 0.2, "gap": "30d"},
        {"target": "value", "column": "count", "test_size": 10, "gap": 3},
        {"target": "value", "column": "large", "test_size": 0.25, "validation_size": 5},
    )
    reference = "sklearn.model_selection.TimeSeriesSplit"
    tolerance = 0

    def target(self, config: TimeSplitConfig) -> str | None:
        """Return the column to predict."""
        return config.target

    def check(self, schema: Schema, config: TimeSplitConfig) -> list[Problem]:
        """Refuse a column that is no time, and a gap in time on numbers."""
        found = target_problems(schema, config.target)
        found += column_problems(schema, "column", config.column, config.target, TEMPORAL | NUMERIC)
        column = schema.find(config.column)
        if column is not None and column.dtype in NUMERIC and config.gap_seconds() is not None:
            message = f"Column {config.column!r} holds numbers; the gap must be a number of rows."
            found.append(Problem("/gap", message, "wrong-type"))
        return found

    def split(self, data: pl.DataFrame, config: TimeSplitConfig, *, task: Task | None) -> SplitRows:
        """Return row positions of each split, from early to late."""
        rows = usable_rows(data, config)
        times = _times(complete(data, config.column, rows), config)
        order = np.argsort(times, kind="stable")
        rows, times = rows[order], times[order]
        begin, end = _held_out(times, len(rows), config.test_size, config)
        test = rows[begin:]
        if config.validation_size is None:
            return SplitRows(_some(rows[:end], len(rows)), test)
        first, last = _held_out(times, end, config.validation_size, config)
        return SplitRows(_some(rows[:last], len(rows)), test, rows[first:end])


_Times = NDArray[np.int64] | NDArray[np.float64]


def _times(column: pl.Series, config: TimeSplitConfig) -> _Times:
    dtype = dtype_of(column.dtype)
    if dtype in TEMPORAL:
        return column.cast(pl.Datetime("us")).to_physical().to_numpy()
    if dtype not in NUMERIC or config.gap_seconds() is not None:
        wanted = "dates for a gap in time" if dtype in NUMERIC else "dates, datetimes or numbers"
        message = f"column {column.name!r} is {dtype}; TimeSplit needs {wanted}"
        raise DataError(message, reason="wrong-type", column=column.name)
    return column.to_numpy()


def _held_out(times: _Times, end: int, size: float, config: TimeSplitConfig) -> tuple[int, int]:
    """Return where the held-out part of the first `end` rows begins, and where what is before it and its gap ends."""
    wanted = math.ceil(size * len(times)) if isinstance(size, float) else size
    if wanted >= end:
        raise _nothing_left(len(times))
    begin = int(np.searchsorted(times, times[end - wanted], side="left"))
    seconds = config.gap_seconds()
    if seconds is not None:
        return begin, int(
            np.searchsorted(times, times[begin] - seconds * 1_000_000, side="right")
        ) if seconds else begin
    before = begin - int(config.gap)
    if before < 1:
        raise _nothing_left(len(times))
    return begin, int(np.searchsorted(times, times[before], side="left"))


def _some(rows: NDArray[np.int64], among: int) -> NDArray[np.int64]:
    if not len(rows):
        raise _nothing_left(among)
    return rows


def _nothing_left(among: int) -> DataError:
    message = (
        f"of {among} row{'' if among == 1 else 's'} none is left to train on before the held-out ones and the gap; "
        "take more rows, hold out fewer, or go by a column with more different moments"
    )
    return DataError(message, reason="too-few-rows")
