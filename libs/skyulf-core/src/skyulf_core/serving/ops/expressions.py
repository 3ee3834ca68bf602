"""Trees of functions on the values of a row: which there are, what they need and give."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

from skyulf_core.serving.ops.base import Origins

Tree: TypeAlias = tuple[Any, ...]
"""`("col", name)`, `("lit", value)` or `(function, argument, …)`."""
ValueKind: TypeAlias = Literal["number", "boolean", "text"]

MAX_DEPTH = 60
_MANY = 1000


class Signature(NamedTuple):
    """What a function takes: kind and least and greatest number of its arguments; and what it gives.

    `same` as an argument: all of one kind, numbers or texts. `same` as a result: that kind.
    """

    takes: Literal["number", "boolean", "text", "same", "any"]
    gives: Literal["number", "boolean", "text", "same"]
    least: int
    most: int


_ONE = Signature("number", "number", 1, 1)
_TWO = Signature("number", "number", 2, 2)
_LIST = Signature("number", "number", 2, _MANY)
_COMPARE = Signature("same", "boolean", 2, 2)

FUNCTIONS: dict[str, Signature] = {
    "add": _TWO, "sub": _TWO, "mul": _TWO, "div": _TWO, "pow": _TWO, "mod": _TWO,
    "neg": _ONE, "abs": _ONE, "floor": _ONE, "ceil": _ONE, "round": _ONE, "log": _ONE, "log1p": _ONE, "exp": _ONE,
    "sqrt": _ONE, "cbrt": _ONE, "sin": _ONE, "cos": _ONE, "min": _LIST, "max": _LIST,
    "eq": _COMPARE, "ne": _COMPARE, "lt": _COMPARE, "le": _COMPARE, "gt": _COMPARE, "ge": _COMPARE,
    "and": Signature("boolean", "boolean", 2, _MANY), "or": Signature("boolean", "boolean", 2, _MANY),
    "not": Signature("boolean", "boolean", 1, 1), "is_null": Signature("any", "boolean", 1, 1),
    "if": Signature("same", "same", 3, 3), "coalesce": Signature("same", "same", 2, _MANY),
    "lower": Signature("text", "text", 1, 1), "upper": Signature("text", "text", 1, 1),
    "length": Signature("text", "number", 1, 1), "concat": Signature("text", "text", 2, _MANY),
}  # fmt: skip
"""The closed set of functions."""


def branches(tree: Tree) -> Tree:
    """Return the arguments that a tree's value is taken from: all but the condition of an `if`."""
    return tree[2:] if tree[0] == "if" else tree[1:]


def kind_of(tree: Tree) -> ValueKind | None:
    """Return the kind of value that a tree gives; None where only the data says it (or it is always null)."""
    head = tree[0]
    if head == "col":
        return None
    if head == "lit":
        return _kind_of_value(tree[1])
    gives = FUNCTIONS[head].gives
    return common_kind(branches(tree)) if gives == "same" else gives


def _kind_of_value(value: object) -> ValueKind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def common_kind(trees: Tree) -> ValueKind | None:
    """Return the kind that values of several trees have together: booleans beside numbers are numbers."""
    kinds = [kind_of(tree) for tree in trees if tree != ("lit", None)]
    if "text" in kinds:
        return "text"
    if "number" in kinds:
        return "number"
    return "boolean" if kinds and None not in kinds else None


def check_tree(tree: object, *, depth: int = MAX_DEPTH) -> None:
    """Raise ValueError unless this is a tree of the closed set, no deeper than `depth`."""
    if depth <= 0:
        raise ValueError(f"an expression is nested more than {MAX_DEPTH} levels deep")
    if not isinstance(tree, tuple) or not tree or not isinstance(tree[0], str):
        raise ValueError(f"{tree!r} is no expression")
    head, arguments = tree[0], tree[1:]
    if head in ("col", "lit"):
        _check_leaf(tree)
        return
    signature = FUNCTIONS.get(head)
    if signature is None:
        raise ValueError(f"unknown function {head!r}")
    if not signature.least <= len(arguments) <= signature.most:
        raise ValueError(f"{head} takes {signature.least} arguments or more, not {len(arguments)}")
    for argument in arguments:
        check_tree(argument, depth=depth - 1)
    check_kinds(tree, signature)


def _check_leaf(tree: Tree) -> None:
    head, arguments = tree[0], tree[1:]
    allowed = str if head == "col" else (bool, int, float, str, type(None))
    if len(arguments) != 1 or not isinstance(arguments[0], allowed):
        raise ValueError(f"{tree!r}: expected one {'name' if head == 'col' else 'JSON scalar'}")
    number = arguments[0]
    if isinstance(number, int | float) and not math.isfinite(float(number)):
        raise ValueError(f"{tree!r}: a number must be finite")


def check_kinds(tree: Tree, signature: Signature) -> None:
    """Raise ValueError where an argument can never be of the kind that the function takes."""
    compared = branches(tree) if signature.takes == "same" else tree[1:]
    kinds = [kind_of(argument) for argument in compared]
    if signature.takes in ("number", "boolean") and "text" in kinds:
        raise ValueError(f"{tree[0]} works on numbers, not on texts")
    if signature.takes == "text" and {"number", "boolean"} & set(kinds):
        raise ValueError(f"{tree[0]} works on texts, not on numbers")
    if signature.takes == "same" and "text" in kinds and {"number", "boolean"} & set(kinds):
        raise ValueError(f"{tree[0]} works on numbers or on texts, not on both")


def columns_in(tree: Tree) -> Iterator[str]:
    """Yield the names of the columns that a tree reads, as often as it does."""
    if tree[0] == "col":
        yield tree[1]
    elif tree[0] != "lit":
        for argument in tree[1:]:
            yield from columns_in(argument)


def rename_in(tree: Tree, names: Callable[[str], str]) -> Tree:
    """Return the tree on columns of other names."""
    if tree[0] == "col":
        return ("col", names(tree[1]))
    return tree if tree[0] == "lit" else (tree[0], *(rename_in(argument, names) for argument in tree[1:]))


def null_origins(tree: Tree, origins: Origins) -> frozenset[str]:
    """Return the inputs of which a null alone makes the tree's value null."""
    head = tree[0]
    if head == "col":
        return origins.get(tree[1], frozenset())
    if head in ("lit", "is_null"):
        return frozenset()
    found = [null_origins(argument, origins) for argument in branches(tree)]
    return frozenset.intersection(*found) if head == "coalesce" else frozenset().union(*found)
