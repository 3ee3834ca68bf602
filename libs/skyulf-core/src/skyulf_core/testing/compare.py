"""Saying whether two frames, columns or values are the same, and where not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, time

import numpy as np
import polars as pl

TOLERANCE = 1e-9


class CheckError(AssertionError):
    """A node breaks a promise; the text says which, and where."""


def require(condition: bool, message: str) -> None:
    """Raise CheckError unless the condition holds."""
    if not condition:
        raise CheckError(message)


def same_value(found: object, wanted: object, *, tolerance: float = TOLERANCE) -> bool:
    """Say whether two values are the same: nulls alike, numbers within the tolerance, dates as their midnight.

    Integers beyond 2**53, which floats do not tell apart, are the same only where they are equal.
    """
    if type(found) is type(wanted) and found == wanted:  # so are nearly all, at a fraction of the cost
        return True
    if _is_large(found) or _is_large(wanted):
        return found == wanted
    found, wanted = _plain(found), _plain(wanted)
    if isinstance(found, float) and isinstance(wanted, float):
        return found == wanted or abs(found - wanted) <= tolerance * max(1.0, abs(wanted))
    return found == wanted


def _is_large(value: object) -> bool:
    return type(value) is int and abs(value) > 2**53


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time())
    return value


def require_same_values(found: Sequence[object], wanted: Sequence[object], where: str) -> None:
    """Raise CheckError at the first value that differs."""
    require(len(found) == len(wanted), f"{where}: {len(found)} values instead of {len(wanted)}")
    for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
        if not same_value(one, other):  # the text is made only then: values may be long
            raise CheckError(f"{where}, row {index}: {one!r} instead of {other!r}")


def require_same_frame(found: pl.DataFrame, wanted: pl.DataFrame, where: str, *, exact: bool = False) -> None:
    """Raise CheckError where columns, their order, types or values differ."""
    require(found.columns == wanted.columns, f"{where}: columns {found.columns} instead of {wanted.columns}")
    for name in wanted.columns:
        types = (found.schema[name], wanted.schema[name])
        require(types[0] == types[1], f"{where}: {name} is {types[0]} instead of {types[1]}")
        if exact:
            require(found[name].equals(wanted[name]), f"{where}: {name} differs")
        else:
            require_same_values(found[name].to_list(), wanted[name].to_list(), f"{where}: {name}")


def require_same_params(found: object, wanted: object, where: str) -> None:
    """Raise CheckError where learned values differ by more than rounding."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        require(found.keys() == wanted.keys(), f"{where}: keys {sorted(found)} instead of {sorted(wanted)}")
        for key in wanted:
            require_same_params(found[key], wanted[key], f"{where}/{key}")
    elif isinstance(found, list) and isinstance(wanted, list):
        require(len(found) == len(wanted), f"{where}: {len(found)} items instead of {len(wanted)}")
        for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
            require_same_params(one, other, f"{where}/{index}")
    elif isinstance(found, np.ndarray) and isinstance(wanted, np.ndarray):
        require(found.shape == wanted.shape and found.dtype == wanted.dtype, f"{where}: other shape or type")
        close = np.allclose(found, wanted, rtol=1e-9, atol=1e-9, equal_nan=True) if wanted.dtype.kind == "f" else None
        require(bool((found == wanted).all()) if close is None else close, f"{where}: arrays differ")
    else:
        require(same_value(found, wanted), f"{where}: {found!r} instead of {wanted!r}")
