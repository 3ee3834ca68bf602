"""Trees on numpy columns: numbers and booleans are float64 with NaN for null, texts are lists with None."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skyulf_core.serving.ops.base import Columns, as_float, is_null, plain
from skyulf_core.serving.ops.expression_rows import COMPARE, ONE, TWO
from skyulf_core.serving.ops.expressions import FUNCTIONS, Tree, branches, common_kind, kind_of

Floats: TypeAlias = NDArray[np.float64]
Texts: TypeAlias = list[Any]

# these give the same bits in numpy; the others go through the C library's functions, as a row does
_ONE: dict[str, Callable[[Floats], Floats]] = {
    "neg": np.negative, "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "round": np.rint, "sqrt": np.sqrt,
}  # fmt: skip
_TWO: dict[str, Callable[[Floats, Floats], Floats]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide,
    "mod": lambda left, right: left - right * np.floor(left / right),
}  # fmt: skip
_COMPARE: dict[str, Callable[[Floats, Floats], NDArray[np.bool_]]] = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


class Computation:
    """Computes trees on the columns of one batch."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._rows = len(next(iter(columns.values()))) if columns else 0

    def column(self, tree: Tree) -> NDArray[Any]:
        """Return the tree's values: float64, booleans (float64 where there are nulls) or objects."""
        values = self._values(tree)
        if isinstance(values, list):
            texts = np.empty(len(values), object)
            texts[:] = values
            return texts
        booleans = kind_of(tree) == "boolean" and not np.isnan(values).any()
        return values.astype(np.bool_) if booleans else values

    def _values(self, tree: Tree) -> Floats | Texts:
        kind = kind_of(tree)
        if kind == "text":
            return self._texts(tree)
        return self._dynamic(tree) if kind is None else self._floats(tree)

    def _floats(self, tree: Tree) -> Floats:
        head = tree[0]
        if head == "col":
            return as_float(self._columns[tree[1]])
        if head == "lit":
            return np.full(self._rows, np.nan if tree[1] is None else float(tree[1]))
        if head == "if":
            truth, (yes, no) = self._floats(tree[1]), map(self._floats, tree[2:])
            return np.where(np.isnan(truth) | (truth == 0.0), no, yes)
        if head == "coalesce":
            found = [self._floats(argument) for argument in tree[1:]]
            return functools.reduce(lambda one, other: np.where(np.isnan(one), other, one), found)
        if head == "length":
            return _from_optional([None if text is None else len(text) for text in self._texts(tree[1])])
        return self._truth(tree) if FUNCTIONS[head].gives == "boolean" else self._arithmetic(tree)

    def _arithmetic(self, tree: Tree) -> Floats:
        head, arguments = tree[0], [self._floats(argument) for argument in tree[1:]]
        if head in ("min", "max"):
            return functools.reduce(np.minimum if head == "min" else np.maximum, arguments)  # NaN wins: null
        with np.errstate(all="ignore"):
            if head in _ONE:
                found = _ONE[head](arguments[0])
            elif head in _TWO:
                found = _TWO[head](*arguments)
            else:
                found = _one_by_one(ONE[head] if head in ONE else TWO[head], arguments)
        finite = np.isfinite(found)
        return found if finite.all() else np.where(finite, found, np.nan)

    def _truth(self, tree: Tree) -> Floats:
        head = tree[0]
        if head == "is_null":
            return self._nulls(tree[1]).astype(np.float64)
        if head in COMPARE:
            return self._compared(tree)
        arguments = [self._floats(argument) for argument in tree[1:]]
        nulls = functools.reduce(np.logical_or, [np.isnan(argument) for argument in arguments])
        truths = [argument != 0.0 for argument in arguments]
        combine = np.logical_and if head == "and" else np.logical_or
        found = ~truths[0] if head == "not" else functools.reduce(combine, truths)
        return np.where(nulls, np.nan, found)

    def _nulls(self, tree: Tree) -> NDArray[np.bool_]:
        if tree[0] == "col":
            return is_null(self._columns[tree[1]])
        values = self._values(tree)
        return np.array([value is None for value in values], np.bool_) if isinstance(values, list) else np.isnan(values)

    def _compared(self, tree: Tree) -> Floats:
        kind = common_kind(tree[1:])
        read: Callable[[Tree], Floats | Texts] = self._dynamic if kind is None else self._floats
        left, right = map(self._texts if kind == "text" else read, tree[1:])
        if isinstance(left, list) or isinstance(right, list):
            compare, pairs = COMPARE[tree[0]], zip(_as_list(left), _as_list(right), strict=True)
            return _from_optional([None if a is None or b is None else compare(a, b) for a, b in pairs])
        found = _COMPARE[tree[0]](left, right)
        return np.where(np.isnan(left) | np.isnan(right), np.nan, found)

    def _texts(self, tree: Tree) -> Texts:
        head = tree[0]
        if head == "col":
            return plain(self._columns[tree[1]])
        if head == "lit":
            return [tree[1]] * self._rows
        if head in ("lower", "upper"):
            change = str.lower if head == "lower" else str.upper
            return [None if text is None else change(text) for text in self._texts(tree[1])]
        if head in ("if", "coalesce"):
            return self._taken(tree, [self._texts(argument) for argument in branches(tree)])
        rows = zip(*(self._texts(argument) for argument in tree[1:]), strict=True)
        return [None if None in row else "".join(row) for row in rows]

    def _taken(self, tree: Tree, found: Sequence[Texts]) -> Texts:
        if tree[0] == "if":
            truth = self._floats(tree[1]).tolist()
            return [
                yes if at == 1.0 or (at == at and at != 0.0) else no for at, yes, no in zip(truth, *found, strict=True)
            ]
        return [next((value for value in row if value is not None), None) for row in zip(*found, strict=True)]

    def _dynamic(self, tree: Tree) -> Floats | Texts:
        if tree[0] == "col":
            column = self._columns[tree[1]]
            texts = column.dtype.kind in "OU" and any(isinstance(value, str) for value in column)
            return plain(column) if texts else as_float(column)
        if tree[0] not in ("if", "coalesce"):
            return self._floats(tree)
        found = [self._dynamic(argument) for argument in branches(tree)]
        if any(isinstance(values, list) for values in found):
            return self._taken(tree, [_as_list(values) for values in found])
        return self._floats(tree)


def _one_by_one(function: Callable[..., Any], arguments: Sequence[Floats]) -> Floats:
    def run(*values: float) -> float:
        try:
            found: float = function(*values)
        except (ValueError, OverflowError):
            return np.nan
        # a null stays null: pow(1, null) and pow(null, 0) are 1 in C
        return found if all(value == value for value in values) else np.nan

    return np.fromiter(map(run, *(argument.tolist() for argument in arguments)), np.float64, len(arguments[0]))


def _as_list(values: Floats | Texts) -> Texts:
    return values if isinstance(values, list) else plain(values)


def _from_optional(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], np.float64)
