"""The first sheet of a workbook as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import TypeAlias

import polars as pl

from skyulf_core.problems import DataError

Cell: TypeAlias = object


def read_excel(path: Path) -> pl.DataFrame:
    """Return the first sheet; its first row holds the names. Raises DataError for a broken or empty one.

    A column keeps its type where all cells have one: numbers (whole ones as integers), booleans, dates, texts; a
    mixed one becomes texts. Empty cells are null.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # heavier than all other formats together

    try:
        with CalamineWorkbook.from_path(path) as workbook:
            rows = workbook.get_sheet_by_index(0).to_python(skip_empty_area=True)
    except CalamineError as error:
        raise DataError(f"{path.name!r} cannot be read as a workbook: {error}", reason="broken-file") from error
    if not rows:
        raise DataError(f"the first sheet of {path.name!r} is empty", reason="empty-file")
    names = [_text(cell) for cell in rows[0]]
    _check(names)
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(names)
    return pl.DataFrame([_series(name, cells) for name, cells in zip(names, columns, strict=True)])


def _check(names: Sequence[str]) -> None:
    for position, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"column {position} has no name in the first row", reason="invalid-column-name")
        if names.count(name) > 1:
            raise DataError(f"column {name!r} occurs twice", reason="duplicate-columns", column=name)


def _series(name: str, cells: Sequence[Cell]) -> pl.Series:
    values = [None if cell == "" else cell for cell in cells]
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        numbers = pl.Series(name, values, dtype=pl.Float64, strict=False)
        whole = bool(kinds) and all(float(value).is_integer() for value in values if isinstance(value, int | float))
        return numbers.cast(pl.Int64, strict=False) if whole else numbers
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds <= {date, datetime}:
        moments = [_moment(value) if isinstance(value, date) else None for value in values]
        return pl.Series(name, moments, dtype=pl.Datetime("us")).cast(pl.Date if kinds == {date} else pl.Datetime("us"))
    if kinds == {time}:
        return pl.Series(name, values, dtype=pl.Time)
    return pl.Series(name, [None if value is None else _text(value) for value in values], dtype=pl.String)


def _moment(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _text(cell: Cell) -> str:
    # whole numbers come as floats out of a workbook: a year in a row of names is "2024", not "2024.0"
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
