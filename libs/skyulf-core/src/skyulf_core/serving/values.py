"""From what a client sends to the plain values that operations work on, by column type."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from skyulf_core.serving.errors import ValueRefusedError

Coerce: TypeAlias = Callable[[object], object]

_ZONE = re.compile(r"time_zone='([^']+)'")
_WORDS = (
    (bool, "a boolean"),
    (str, "a string"),
    (int | float, "a number"),
    (list | tuple, "a list"),
    (dict, "an object"),
)


def kind_of(dtype: str) -> str:
    """Return what a column holds: integer, float, boolean, string, date, datetime or other."""
    name = dtype.lower()
    if name.startswith(("int", "uint")):
        return "integer"
    if name.startswith(("float", "decimal")):
        return "float"
    if name.startswith(("str", "utf8", "cat", "enum")):
        return "string"
    if name.startswith("bool"):
        return "boolean"
    if name.startswith("datetime"):
        return "datetime"
    return "date" if name == "date" else "other"


def coercer(dtype: str) -> Coerce:
    """Return the function that checks one value that is not null. It raises ValueRefusedError."""
    kind = kind_of(dtype)
    if kind == "integer":
        return _integers(dtype.lower())
    if kind == "float":
        return _float32 if dtype.lower() == "float32" else to_float
    if kind == "datetime":
        found = _ZONE.search(dtype)
        zone = ZoneInfo(found.group(1)) if found else UTC
        return lambda value: _datetime(value, zone)
    return {"string": to_string, "boolean": _boolean, "date": _date}.get(kind, _other)


def _wrong(expected: str, value: object) -> ValueRefusedError:
    word = next((word for kind, word in _WORDS if isinstance(value, kind)), f"a {type(value).__name__}")
    return ValueRefusedError(f"must be {expected}, not {word}", "wrong_type")


def to_float(value: object) -> float:
    """Return a finite number as float."""
    if type(value) is float:
        if value - value == 0.0:
            return value
        raise ValueRefusedError("must be a finite number; send null for a missing one", "not_finite")
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise _wrong("a number", value)
    try:
        number = float(value)
    except OverflowError:
        raise ValueRefusedError("is too large for a number", "out_of_range") from None
    return to_float(number)


def _float32(value: object) -> float:
    number = to_float(value)
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        raise ValueRefusedError("is too large for a 32 bit number", "out_of_range") from None


def integer_bounds(dtype: str) -> tuple[int, int]:
    """Return the smallest and largest value of an integer type."""
    bits = int(re.sub(r"\D", "", dtype) or 64)
    return (0, 2**bits - 1) if dtype.lower().startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _integers(dtype: str) -> Coerce:
    low, high = integer_bounds(dtype)

    def coerce(value: object) -> int:
        if type(value) is int:
            number = value
        elif isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise _wrong("a whole number", value)
        elif isinstance(value, float | np.floating) and not math.isfinite(value):
            raise ValueRefusedError("must be a finite number; send null for a missing one", "not_finite")
        else:
            number = int(value)
            if number != value:
                raise ValueRefusedError("must be a whole number", "wrong_type")
        if not low <= number <= high:
            raise ValueRefusedError(f"must lie between {low} and {high}", "out_of_range")
        return number

    return coerce


def to_string(value: object) -> str:
    """Return a string that can be written as UTF-8."""
    if not isinstance(value, str):
        raise _wrong("a string", value)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueRefusedError("is not valid Unicode text (a lone surrogate)", "invalid_text") from None
    return value


def _boolean(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise _wrong("true or false", value)


def _datetime(value: object, zone: tzinfo) -> datetime:
    expected = "a date and time in ISO 8601, as 2024-05-31T12:00:00"
    parsed = _parsed(value, expected)
    try:
        return parsed if parsed.tzinfo is None else parsed.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise ValueRefusedError(f"must be {expected}", "invalid_date") from None


def _date(value: object) -> datetime:
    parsed = _parsed(value, "a date in ISO 8601, as 2024-05-31")
    return datetime.combine(parsed.date(), time())


def _parsed(value: object, expected: str) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    if not isinstance(value, str):
        raise _wrong(expected, value)
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        raise ValueRefusedError(f"must be {expected}", "invalid_date") from None


def _other(value: object) -> object:
    return value
