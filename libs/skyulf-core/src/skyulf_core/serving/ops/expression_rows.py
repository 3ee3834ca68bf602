"""Trees compiled to closures on one row of plain Python values."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from skyulf_core.serving.ops.base import Row
from skyulf_core.serving.ops.expressions import FUNCTIONS, Tree, branches, common_kind, kind_of

Value: TypeAlias = Callable[[Row], Any]
"""Reads a value off a row; None is null."""


def divide(left: float, right: float) -> float | None:
    """Return the quotient; None for a division by zero."""
    return left / right if right else None


def modulo(left: float, right: float) -> float | None:
    """Return `left - right * floor(left / right)`; None where the quotient is not finite."""
    quotient = left / right if right else math.inf
    return left - right * math.floor(quotient) if quotient - quotient == 0.0 else None


ONE: dict[str, Callable[[float], Any]] = {
    "neg": operator.neg, "abs": abs, "floor": math.floor, "ceil": math.ceil, "round": round, "log": math.log,
    "log1p": math.log1p, "exp": math.exp, "sqrt": math.sqrt, "cbrt": math.cbrt, "sin": math.sin, "cos": math.cos,
}  # fmt: skip
"""Functions of one number; what Python refuses (OverflowError, ValueError) is null."""
TWO: dict[str, Callable[[float, float], Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": divide, "mod": modulo, "pow": math.pow,
}  # fmt: skip
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
}  # fmt: skip


def compile_row(tree: Tree) -> Value:
    """Return the function that computes the tree's value from a row: a float, boolean, text or None."""
    kind = kind_of(tree)
    if kind == "text":
        return _text(tree)
    if kind == "number":
        return _number(tree)
    return _boolean(tree) if kind == "boolean" else _dynamic(tree)


def _constant(value: Any) -> Value:
    return lambda row: value


def _number(tree: Tree) -> Value:
    head = tree[0]
    if head == "col":
        return _number_of(tree[1])
    if head == "lit":
        return _constant(None if tree[1] is None else float(tree[1]))
    if head in ("if", "coalesce"):
        return _taken(tree, _number)
    if head == "length":
        return _unary(_text(tree[1]), lambda text: float(len(text)))
    if head in ONE:
        return _arithmetic_one(ONE[head], _number(tree[1]))
    if head in TWO:
        return _arithmetic_two(TWO[head], tree)
    if head in ("min", "max"):
        return _extreme(min if head == "min" else max, [_number(argument) for argument in tree[1:]])
    return _unary(_boolean(tree), float)


def _number_of(name: str) -> Value:
    def read(row: Row) -> float | None:
        value = row[name]
        if type(value) is float:
            return value if value == value else None
        return None if value is None or value != value else float(value)

    return read


def _arithmetic_one(function: Callable[[float], Any], argument: Value) -> Value:
    def run(row: Row) -> float | None:
        value = argument(row)
        if value is None:
            return None
        try:
            found = function(value)
        except (ValueError, OverflowError):
            return None
        return float(found) if found - found == 0.0 else None

    return run


def _arithmetic_two(function: Callable[[float, float], Any], tree: Tree) -> Value:
    left, right = _number(tree[1]), _number(tree[2])

    def run(row: Row) -> float | None:
        one = left(row)
        if one is None:
            return None
        other = right(row)
        if other is None:
            return None
        try:
            found = function(one, other)
        except (ValueError, OverflowError):
            return None
        return found if found is not None and found - found == 0.0 else None

    return run


def _extreme(choose: Callable[[list[float]], float], arguments: list[Value]) -> Value:
    def run(row: Row) -> float | None:
        values = [argument(row) for argument in arguments]
        return None if None in values else choose(values)

    return run


def _unary(argument: Value, function: Callable[[Any], Any]) -> Value:
    def run(row: Row) -> Any:
        value = argument(row)
        return None if value is None else function(value)

    return run


def _taken(tree: Tree, compiled: Callable[[Tree], Value]) -> Value:
    """Compile `if` and `coalesce`, whose value is that of one of their arguments."""
    arguments = tuple(compiled(argument) for argument in branches(tree))
    if tree[0] == "if":
        condition, (yes, no) = _boolean(tree[1]), arguments
        return lambda row: yes(row) if condition(row) else no(row)

    def first(row: Row) -> Any:
        for argument in arguments:
            value = argument(row)
            if value is not None:
                return value
        return None

    return first


def _boolean(tree: Tree) -> Value:
    head = tree[0]
    if head in COMPARE:
        return _comparison(COMPARE[head], tree)
    if head in ("and", "or"):
        return _all_or_any(all if head == "and" else any, [_boolean(argument) for argument in tree[1:]])
    if head == "not":
        return _unary(_boolean(tree[1]), operator.not_)
    if head == "is_null":
        argument = compile_row(tree[1])
        return lambda row: argument(row) is None
    if head in ("if", "coalesce"):
        return _taken(tree, _boolean)
    return _unary(_number(tree), bool)


def _all_or_any(combine: Callable[[list[bool]], bool], arguments: list[Value]) -> Value:
    def run(row: Row) -> bool | None:
        values = [argument(row) for argument in arguments]
        return None if None in values else combine(values)

    return run


def _comparison(compare: Callable[[Any, Any], bool], tree: Tree) -> Value:
    kind = common_kind(tree[1:])
    compiled = _text if kind == "text" else _dynamic if kind is None else _number
    left, right = compiled(tree[1]), compiled(tree[2])

    def run(row: Row) -> bool | None:
        one, other = left(row), right(row)
        return None if one is None or other is None else compare(one, other)

    return run


def _text(tree: Tree) -> Value:
    head = tree[0]
    if head == "lit":
        return _constant(tree[1])
    if head in ("lower", "upper"):
        return _unary(_text(tree[1]), str.lower if head == "lower" else str.upper)
    if head == "concat":
        return _concat([_text(argument) for argument in tree[1:]])
    return _taken(tree, _text) if head in FUNCTIONS else _text_of(tree[1])


def _text_of(name: str) -> Value:
    def read(row: Row) -> Any:
        value = row[name]
        return None if value is None or value != value else value

    return read


def _concat(arguments: list[Value]) -> Value:
    def run(row: Row) -> str | None:
        values = [argument(row) for argument in arguments]
        return None if None in values else "".join(values)

    return run


def _dynamic(tree: Tree) -> Value:
    """Compile what may be a number, a boolean or a text: only the data says it."""
    if tree[0] == "lit":
        value = tree[1]
        return _constant(float(value) if type(value) is int else value)
    if tree[0] in ("if", "coalesce"):
        return _taken(tree, _dynamic)
    return compile_row(tree) if tree[0] in FUNCTIONS else _any_of(tree[1])


def _any_of(name: str) -> Value:
    def read(row: Row) -> Any:
        value = row[name]
        if value is None or value != value:
            return None
        return float(value) if type(value) is int else value

    return read
