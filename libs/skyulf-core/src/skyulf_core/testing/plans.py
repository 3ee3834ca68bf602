"""The batch path of a node against its serving plan, row by row and as columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.nodes.base import Applier
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Columns, Op, OpError, Row
from skyulf_core.serving.ops.base import numbers_of
from skyulf_core.testing.compare import CheckError, require, require_same_values


def rows_of(data: pl.DataFrame) -> list[Row]:
    """Return a frame as the rows that a plan works on: plain values, dates as their midnight."""
    return [{name: _moment(value) for name, value in row.items()} for row in data.iter_rows(named=True)]


def _moment(value: object) -> object:
    midnight = isinstance(value, date) and not isinstance(value, datetime)
    return datetime.combine(value, time()) if midnight and isinstance(value, date) else value


def columns_of(data: pl.DataFrame) -> Columns:
    """Return a frame as the columns that a plan works on."""
    return {series.name: _array(series) for series in data.iter_columns()}


def _array(series: pl.Series) -> NDArray[np.generic]:
    if series.dtype in (pl.Date, pl.Datetime):
        return series.cast(pl.Datetime("us")).to_numpy().astype("datetime64[us]")
    if series.dtype.is_integer() and series.null_count():
        return numbers_of(series.to_list())
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return series.cast(pl.Float64).to_numpy() if series.null_count() else series.to_numpy()
    column = np.empty(len(series), object)
    column[:] = series.to_list()
    return column


def run_rows(ops: Sequence[Op], data: pl.DataFrame) -> list[Row]:
    """Return every row after the operations, one by one."""
    rows = rows_of(data)
    for row in rows:
        for op in ops:
            op.row(row)
    return rows


def run_columns(ops: Sequence[Op], data: pl.DataFrame) -> Columns:
    """Return the columns after the operations."""
    columns = columns_of(data)
    for op in ops:
        op.batch(columns)
    return columns


def check_plan(applier: Applier, params: Params, data: pl.DataFrame) -> None:
    """Raise CheckError unless frame, row by row and columns give the same values, or all of them refuse the data."""
    ops = [Op.from_dict(op.to_dict()) for op in applier.plan(params)]
    try:
        wanted = applier.apply(data, params)
    except DataError as error:
        _require_refusal(ops, data, error)
        return
    rows, columns = run_rows(ops, data), run_columns(ops, data)
    names = set(wanted.columns)
    # where rows follow on each other, a row alone is the first after those of training
    alone = wanted
    if any(op.sequence for op in ops) and data.height:
        alone = pl.concat([applier.apply(data[i : i + 1], params) for i in range(data.height)])
    for row in rows:
        require(set(row) == names, f"plan by rows: columns {sorted(row)} instead of {sorted(names)}")
    require(set(columns) == names, f"plan by columns: columns {sorted(columns)} instead of {sorted(names)}")
    for name in wanted.columns:
        values = wanted[name].to_list()
        require_same_values([row[name] for row in rows], alone[name].to_list(), f"plan by rows: {name}")
        require_same_values(columns[name].tolist(), values, f"plan by columns: {name}")


def _require_refusal(ops: Sequence[Op], data: pl.DataFrame, error: DataError) -> None:
    for run in (run_rows, run_columns):
        try:
            run(ops, data)
        except OpError:
            continue
        raise CheckError(f"the frame is refused ({error}), the plan runs")
