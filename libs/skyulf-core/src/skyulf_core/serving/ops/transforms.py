"""Operations that apply a function to each number: transform, power."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple, TypeAlias

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
    operation,
    same_length,
)

Floats: TypeAlias = NDArray[np.float64]
OnDomain: TypeAlias = Literal["null", "fail"]


_LARGEST_EXPONENT = math.log(sys.float_info.max)


class Function(NamedTuple):
    """A function of one number, for Python's floats (raising or not finite outside its domain) and for arrays."""

    scalar: Callable[[float], float]
    array: Callable[[Floats], Floats]


# numpy on a row too: its functions differ from those of math by the last bit, and what follows may magnify that
def _log1p(x: float) -> float:
    return float(np.log1p(x)) if x > -1.0 else math.nan


def _exp(x: float) -> float:
    return float(np.exp(x)) if x <= _LARGEST_EXPONENT else math.nan


FUNCTIONS: dict[str, Function] = {
    "log1p": Function(_log1p, np.log1p),
    "sqrt": Function(math.sqrt, np.sqrt),
    "cbrt": Function(lambda x: float(np.cbrt(x)), np.cbrt),
    "reciprocal": Function(lambda x: 1.0 / x, lambda x: 1.0 / x),
    "square": Function(lambda x: x * x, lambda x: x * x),
    "exp": Function(_exp, np.exp),
}
"""The closed list of functions of `transform`."""


def power_function(method: str, lmbda: float) -> Function:
    """Return Box-Cox' or Yeo and Johnson's function of one lambda.

    box-cox, x > 0: `expm1(lambda log x) / lambda`, and `log x` for 0. yeo-johnson: for x >= 0
    `expm1(lambda log1p x) / lambda`, and `log1p x` for 0; for x < 0 minus the same of -x with `2 - lambda`; for 1 it
    is x itself.
    """
    if method == "box-cox":
        raised = _raised(lmbda)
        return Function(
            lambda x: raised.scalar(float(np.log(x))) if x > 0.0 else math.nan,
            lambda x: raised.array(np.log(np.where(x > 0.0, x, np.nan))),
        )
    if lmbda == 1.0:
        return Function(lambda x: x, lambda x: x)
    above, below = _raised(lmbda), _raised(2.0 - lmbda)
    return Function(
        lambda x: above.scalar(float(np.log1p(x))) if x >= 0.0 else -below.scalar(float(np.log1p(-x))),
        lambda x: np.where(x >= 0.0, above.array(np.log1p(np.abs(x))), -below.array(np.log1p(np.abs(x)))),
    )


def _raised(lmbda: float) -> Function:
    """Return `expm1(lambda y) / lambda`, or y where lambda is 0."""
    if abs(lmbda) < np.spacing(1.0):
        return Function(lambda y: y, lambda y: y)
    return Function(
        lambda y: float(np.expm1(lmbda * y)) / lmbda if lmbda * y <= _LARGEST_EXPONENT else math.nan,
        lambda y: np.expm1(lmbda * y) / lmbda,
    )


def applied(function: Function, values: Floats) -> Floats:
    """Return the function of numbers, NaN where there is no finite result."""
    with np.errstate(all="ignore"):
        found = function.array(values)
    return np.where(np.isfinite(found), found, np.nan)


def refusal(function: str, value: object) -> str:
    """Say that a number has no finite result."""
    return f"{function} of {value!r} is not a finite number"


def refused_rows(values: Floats, found: Floats) -> NDArray[np.int64]:
    """Return the rows whose number has no finite result."""
    return np.flatnonzero(np.isnan(found) & ~np.isnan(values))


class _Elementwise(Op):
    """What both operations do, given the function of each column and its name."""

    columns: tuple[str, ...]
    on_error: OnDomain

    def functions(self) -> list[tuple[str, str, Function]]:
        """Return (column, name of the function, function)."""
        raise TypeError("an operation names its functions")

    def row_function(self) -> RowFunction:
        """Change one row."""
        triples = [(column, name, function.scalar) for column, name, function in self.functions()]
        fail = self.on_error == "fail"

        def run(values: Row) -> None:
            for column, name, function in triples:
                value = values[column]
                if value is None or value != value:
                    values[column] = None
                    continue
                try:
                    found = function(float(value))
                except (ValueError, OverflowError, ZeroDivisionError):
                    found = math.nan
                if found - found == 0.0:
                    values[column] = found
                elif fail:
                    raise OpError([ValueProblem(0, column, refusal(name, value), "out_of_domain")])
                else:
                    values[column] = None

        return run

    def batch(self, columns: Columns) -> None:
        """Change columns."""
        for column, name, function in self.functions():
            values = as_float(columns[column])
            found = applied(function, values)
            rows = refused_rows(values, found) if self.on_error == "fail" else ()
            if len(rows):
                raise OpError(
                    ValueProblem(int(row), column, refusal(name, float(values[row])), "out_of_domain") for row in rows
                )
            columns[column] = found


@operation
@dataclass(frozen=True)
class Transform(_Elementwise):
    """Apply one of a closed list of functions to each column. Nulls stay null.

    `log1p` log(1 + x), `sqrt`, `cbrt`, `reciprocal` 1 / x, `square` x * x, `exp`. Where the result is not finite it
    becomes null (`on_error: null`) or raises (`fail`, code `out_of_domain`).
    """

    op: ClassVar[str] = "transform"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "names")
    columns: tuple[str, ...]
    names: tuple[str, ...]
    on_error: OnDomain = "fail"

    def __post_init__(self) -> None:
        same_length("transform", columns=self.columns, names=self.names)
        unknown = [name for name in self.names if name not in FUNCTIONS]
        if unknown or self.on_error not in ("null", "fail"):
            raise ValueError(f"transform: functions {unknown}, on_error {self.on_error!r}")

    def functions(self) -> list[tuple[str, str, Function]]:
        """Return the functions by their names."""
        return [(column, name, FUNCTIONS[name]) for column, name in zip(self.columns, self.names, strict=True)]


@operation
@dataclass(frozen=True)
class Power(_Elementwise):
    """Apply the power transform of Box and Cox, or of Yeo and Johnson, to each column. Nulls stay null.

    Where the result is not finite (box-cox: for all that is not above 0) it becomes null or raises, as in `transform`.
    """

    op: ClassVar[str] = "power"
    parallel: ClassVar[tuple[str, ...]] = ("columns", "lambdas")
    columns: tuple[str, ...]
    lambdas: tuple[float, ...]
    method: Literal["yeo-johnson", "box-cox"] = "yeo-johnson"
    on_error: OnDomain = "fail"

    def __post_init__(self) -> None:
        object.__setattr__(self, "lambdas", tuple(float(value) for value in self.lambdas))
        same_length("power", columns=self.columns, lambdas=self.lambdas)
        if self.method not in ("yeo-johnson", "box-cox") or self.on_error not in ("null", "fail"):
            raise ValueError(f"power: method {self.method!r}, on_error {self.on_error!r}")
        if not all(math.isfinite(value) for value in self.lambdas):
            raise ValueError("power: lambdas must be finite")

    def functions(self) -> list[tuple[str, str, Function]]:
        """Return the function of each lambda."""
        return [
            (column, self.method, power_function(self.method, lmbda))
            for column, lmbda in zip(self.columns, self.lambdas, strict=True)
        ]
