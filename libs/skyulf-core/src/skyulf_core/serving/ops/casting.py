"""The cast operation: one conversion function, used by rows and batches alike."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import (
    Columns,
    Op,
    OpError,
    Row,
    RowFunction,
    ValueProblem,
    as_float,
    from_plain,
    operation,
    plain,
)

CastTarget: TypeAlias = Literal[
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
    "string", "boolean", "date", "datetime",
]  # fmt: skip
Convert: TypeAlias = Callable[[Any], Any]

# Python alone would also read 1_000, digits of other scripts and words: no other runtime does
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")


@operation
@dataclass(frozen=True)
class Cast(Op):
    """Convert columns to a type. Nulls stay null; what cannot be converted is null, or raises (`on_error: fail`).

    Fractions are cut towards zero for integers, numbers are true when not zero, `true` and `false` (any case) are
    the strings of a boolean. `format` is strftime's, for strings to and from dates; without it ISO 8601.
    `source_integer` lists columns whose numbers are integers: 3.0 is then written `3` (a batch with nulls holds
    floats). In any other column numbers are floats: 3 is written `3.0` (a row keeps the integers that it came with).
    """

    op: ClassVar[str] = "cast"
    parallel: ClassVar[tuple[str, ...]] = ("columns",)
    name_fields: ClassVar[tuple[str, ...]] = ("columns", "source_integer")
    columns: tuple[str, ...]
    to: CastTarget
    format: str | None = None
    on_error: Literal["null", "fail"] = "null"
    source_integer: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.to not in get_args(CastTarget) or self.on_error not in ("null", "fail"):
            raise ValueError(f"cast: to {self.to!r}, on_error {self.on_error!r}")

    def _one(self, name: str) -> Convert:
        convert, integer, fail = converter(self.to, self.format), name in self.source_integer, self.on_error == "fail"
        floats = self.to == "string" and not integer

        def run(value: object) -> object:
            if integer and isinstance(value, float):
                value = int(value)
            elif floats and type(value) is int:
                value = float(value)
            try:
                return convert(value)
            except (ValueError, TypeError, OverflowError):
                if fail:
                    message = f"{value!r} cannot be read as {self.to}"
                    raise OpError([ValueProblem(0, name, message, "cannot_cast")]) from None
                return None

        return run

    def row_function(self) -> RowFunction:
        """Convert one row."""
        pairs = tuple((name, self._one(name)) for name in self.columns)

        def run(values: Row) -> None:
            for name, convert in pairs:
                value = values[name]
                if value is not None:
                    values[name] = convert(value)

        return run

    def batch(self, columns: Columns) -> None:
        """Convert columns."""
        for name in self.columns:
            column = columns[name]
            if self.to == "float64" and column.dtype.kind in "fiub":
                columns[name] = as_float(column)
                continue
            columns[name] = typed(_convert_all(name, plain(column), self._one(name)), self.to)


def _convert_all(name: str, values: list[Any], convert: Convert) -> list[Any]:
    problems, converted = [], []
    for row, value in enumerate(values):
        try:
            converted.append(None if value is None else convert(value))
        except OpError as error:
            problems += [problem._replace(row=row) for problem in error.problems]
    if problems:
        raise OpError(problems)
    return converted


def typed(values: list[Any], to: str) -> NDArray[Any]:
    """Return converted values as a column of the type's own dtype, also where all of them are null."""
    if to in ("date", "datetime"):
        return np.array(values, "datetime64[us]")
    if to == "string":
        column = np.empty(len(values), object)
        column[:] = values
        return column
    return from_plain(values)


def converter(to: str, text_format: str | None) -> Convert:
    """Return the function that converts one value that is not null; it raises ValueError or TypeError."""
    if to.startswith(("int", "uint")):
        return _integers(to)
    if to == "float32":
        return lambda value: struct.unpack("f", struct.pack("f", _number(value)))[0]
    if to == "string":
        return lambda value: _text(value, text_format)
    if to == "date":
        return lambda value: datetime.combine(_moment(value, text_format).date(), time())
    if to == "datetime":
        return lambda value: _moment(value, text_format)
    return _boolean if to == "boolean" else _float


def _float(value: object) -> float:
    return value if type(value) is float else _number(value)


def _integers(to: str) -> Convert:
    bits = int(to.lstrip("uint"))
    low, high = (0, 2**bits - 1) if to[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def convert(value: object) -> int:
        number = _integer(value) if isinstance(value, str) else math.trunc(_number(value, exact=True))
        if not low <= number <= high:
            raise ValueError(number)
        return number

    return convert


def _number(value: object, *, exact: bool = False) -> float:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value):
        raise ValueError(value)
    if exact and isinstance(value, int):
        return value
    if not isinstance(value, bool | int | float | str):
        raise TypeError(type(value))
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _integer(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _boolean(value: object) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False}[value.lower()] if value.lower() in ("true", "false") else _refuse(value)
    return bool(_number(value))


def _refuse(value: object) -> bool:
    raise ValueError(value)


def _text(value: object, text_format: str | None) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if text_format:
            return value.strftime(text_format)
        return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")
    return str(value + 0.0 if isinstance(value, float) else value)  # -0.0 and 0.0 are one number, so one text


def _moment(value: object, text_format: str | None) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if not isinstance(value, str):
        raise TypeError(type(value))
    parsed = datetime.strptime(value, text_format) if text_format else datetime.fromisoformat(value)
    return parsed.astimezone(UTC).replace(tzinfo=None) if parsed.tzinfo else parsed
