"""From what a client sends to the plain values that operations work on, by column type."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import TypeAlias

import numpy as np

from skyulf_core.serving.errors import ValueRefusedError
from skyulf_core.serving.ops.base import PlanError

Coerce: TypeAlias = Callable[[object], object]

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
_WORDS = (
    (bool, "a boolean"),
    (str, "a string"),
    (int | float, "a number"),
    (list | tuple, "a list"),
    (dict, "an object"),
)


def coercer(dtype: str) -> Coerce:
    """Return the function that checks one value that is not null. It raises ValueRefusedError.

    Raises PlanError for a dtype that is none of the logical types of a schema.
    """
    try:
        return _BY_TYPE[dtype]
    except KeyError:
        raise PlanError(f"a column of unknown type {dtype!r}") from None


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


def to_integer(value: object) -> int:
    """Return a whole number of 64 bits; 3.0 is 3."""
    if type(value) is int:
        number = value
    elif isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise _wrong("a whole number", value)
    elif not math.isfinite(value):
        raise ValueRefusedError("must be a finite number; send null for a missing one", "not_finite")
    else:
        number = int(value)
        if number != value:
            raise ValueRefusedError("must be a whole number", "wrong_type")
    if not INTEGER_MIN <= number <= INTEGER_MAX:
        raise ValueRefusedError("is too large for a 64 bit integer", "out_of_range")
    return number


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


def _datetime(value: object) -> datetime:
    return _in_utc(value, "a date and time in ISO 8601, as 2024-05-31T12:00:00")


def _date(value: object) -> datetime:
    return datetime.combine(_in_utc(value, "a date in ISO 8601, as 2024-05-31").date(), time())


def _in_utc(value: object, expected: str) -> datetime:
    parsed = _parsed(value, expected)
    try:
        return parsed if parsed.tzinfo is None else parsed.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise ValueRefusedError(f"must be {expected}", "invalid_date") from None


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


_BY_TYPE: dict[str, Coerce] = {
    "integer": to_integer,
    "float": to_float,
    "boolean": _boolean,
    "string": to_string,
    "category": to_string,
    "date": _date,
    "datetime": _datetime,
    "time": _other,
    "duration": _other,
    "other": _other,
}
