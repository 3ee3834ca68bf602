"""What kind of value an expression gives on columns of known types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from skyulf_core.schema import NUMERIC, TEXT, ColumnSchema, Dtype, Schema
from skyulf_core.serving.ops.expressions import FUNCTIONS, Tree, branches

Kind: TypeAlias = Literal["number", "boolean", "text", "other"]
Kinds: TypeAlias = Mapping[str, Kind]

_SHOWN = {"number": "a number", "boolean": "a boolean", "text": "a text"}
_DTYPES: dict[Kind, Dtype] = {"number": "float", "boolean": "boolean", "text": "string"}


class KindError(ValueError):
    """A function is given values that it does not work on; `column` is the column to blame, where it is one."""

    def __init__(self, message: str, column: str | None = None) -> None:
        self.column = column
        super().__init__(message)


def kind_of_dtype(dtype: Dtype) -> Kind:
    """Return the kind that the values of a column have."""
    if dtype in NUMERIC:
        return "number"
    if dtype in TEXT:
        return "text"
    return "boolean" if dtype == "boolean" else "other"


def kinds_of(schema: Schema) -> dict[str, Kind]:
    """Return the kind of every column."""
    return {column.name: kind_of_dtype(column.dtype) for column in schema}


def infer_kind(tree: Tree, kinds: Kinds) -> Kind | None:
    """Return the kind of a tree's value; None where it is always null. Raises KindError, KeyError for a column."""
    head = tree[0]
    if head == "col":
        return kinds[tree[1]]
    if head == "lit":
        return _of_value(tree[1])
    signature = FUNCTIONS[head]
    found = [infer_kind(argument, kinds) for argument in tree[1:]]
    if signature.takes == "same":
        if head == "if":
            _require(head, tree[1:2], found[:1], ("number", "boolean"))
            found = found[1:]
        joined = _common(head, branches(tree), found)
        return joined if signature.gives == "same" else "boolean"
    if signature.takes != "any":
        _require(head, tree[1:], found, ("text",) if signature.takes == "text" else ("number", "boolean"))
    return signature.gives if signature.gives != "same" else None


def _of_value(value: object) -> Kind | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    return "text" if isinstance(value, str) else "number"


def _common(head: str, trees: Tree, kinds: Iterable[Kind | None]) -> Kind | None:
    found = list(kinds)
    _require(head, trees, found, ("number", "boolean", "text"))
    present = {kind for kind in found if kind is not None}
    if len(present) > 1 and "text" in present:
        raise KindError(f"{head} works on numbers or on texts, not on both", _column_of(trees, found, "text"))
    return "number" if "number" in present else next(iter(present), None)


def _require(head: str, trees: Tree, found: Iterable[Kind | None], allowed: tuple[Kind, ...]) -> None:
    for tree, kind in zip(trees, found, strict=True):
        if kind is None or kind in allowed:
            continue
        name = tree[1] if tree[0] == "col" else None
        what = f"column {name!r}" if name is not None else "its argument"
        wanted = " or ".join(_SHOWN[one] for one in allowed)
        given = _SHOWN.get(kind, "neither a number nor a boolean nor a text")
        raise KindError(f"{head} needs {wanted}, and {what} is {given}", name)


def _column_of(trees: Tree, kinds: list[Kind | None], kind: Kind) -> str | None:
    return next((tree[1] for tree, found in zip(trees, kinds, strict=True) if found == kind and tree[0] == "col"), None)


def output_schema(outputs: Iterable[tuple[str, Tree]], schema: Schema) -> list[ColumnSchema]:
    """Return the columns that expressions make. What reads columns that are not there is taken for a number."""
    kinds = kinds_of(schema)
    return [ColumnSchema(name, _dtype(tree, kinds), nullable=_nullable(tree, schema)) for name, tree in outputs]


def _dtype(tree: Tree, kinds: Kinds) -> Dtype:
    try:
        found = infer_kind(tree, kinds)
    except (KindError, KeyError):
        return "float"
    return _DTYPES.get(found or "number", "float")


def _nullable(tree: Tree, schema: Schema) -> bool:
    head, arguments = tree[0], tree[1:]
    if head == "col":
        column = schema.find(arguments[0])
        return column is None or column.nullable
    if head == "lit":
        return arguments[0] is None
    if head == "is_null":
        return False
    if head == "coalesce":
        return all(_nullable(argument, schema) for argument in arguments)
    gives = FUNCTIONS[head].gives
    # a number may overflow; what compares, and what works on texts, has a value wherever its arguments have
    overflows = gives == "number" and head not in ("min", "max", "length")
    return overflows or any(_nullable(argument, schema) for argument in branches(tree))
