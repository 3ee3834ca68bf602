"""Expression trees as one polars query: the frame form of the serving operation `compute`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from skyulf_core.data.frames import dtype_of, require_columns
from skyulf_core.nodes.base import LazyApplier
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.features.kinds import Kind, KindError, infer_kind, kind_of_dtype
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Compute, Op
from skyulf_core.serving.ops.base import freeze, thaw
from skyulf_core.serving.ops.expression_rows import compile_row
from skyulf_core.serving.ops.expressions import FUNCTIONS, Tree, check_tree, columns_in

_NULL: Tree = ("lit", None)
_TYPES: dict[Kind | None, pl.DataType] = {"text": pl.String(), "boolean": pl.Boolean()}


def _cube_root(number: pl.Expr) -> pl.Expr:
    # that of polars, and that of numpy, differ from C's in the last bit; bins behind it have edges among what comes out
    def roots(values: pl.Series) -> pl.Series:
        found = np.fromiter(map(math.cbrt, values.to_numpy().tolist()), np.float64, len(values))
        return pl.Series(values.name, found, nan_to_null=True)

    return number.cast(pl.Float64).map_batches(roots, return_dtype=pl.Float64, is_elementwise=True)


def _power(base: pl.Expr, exponent: pl.Expr) -> pl.Expr:
    # a single exponent is another last bit to polars, which also cuts short frames into pieces of one row
    def powers(pair: Sequence[pl.Series]) -> pl.Series:
        bases, exponents = pair
        if len(bases) != 1:
            return bases.pow(exponents)
        return pl.concat([bases, bases]).pow(pl.concat([exponents, exponents])).head(1)

    return pl.map_batches([base, exponent], powers, return_dtype=pl.Float64, is_elementwise=True)


_ONE: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "neg": lambda x: -x, "abs": pl.Expr.abs, "floor": pl.Expr.floor, "ceil": pl.Expr.ceil,
    "round": lambda x: x.round(0, mode="half_to_even"), "log": pl.Expr.log, "log1p": pl.Expr.log1p, "exp": pl.Expr.exp,
    "sqrt": pl.Expr.sqrt, "cbrt": _cube_root, "sin": pl.Expr.sin, "cos": pl.Expr.cos,
}  # fmt: skip
_TWO: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "add": pl.Expr.__add__, "sub": pl.Expr.__sub__, "mul": pl.Expr.__mul__, "div": pl.Expr.__truediv__,
    "pow": _power,
    "eq": pl.Expr.__eq__, "ne": pl.Expr.__ne__, "lt": pl.Expr.__lt__, "le": pl.Expr.__le__, "gt": pl.Expr.__gt__,
    "ge": pl.Expr.__ge__,
}  # fmt: skip
# of these, what is not finite in an argument is not finite in the result, so that one look at the end is enough
_CARRIES = frozenset({"add", "sub", "mul", "mod", "neg", "abs", "floor", "ceil", "round", "log", "log1p", "sqrt",
                      "cbrt", "sin", "cos"})  # fmt: skip


def with_computed(frame: pl.LazyFrame, outputs: Sequence[str], trees: Sequence[Tree]) -> pl.LazyFrame:
    """Return the query with the value of each tree under its output's name, by the rules of `Compute`.

    New columns stand at the end, in this order; all trees read the columns as they were before. Raises DataError for
    a column that is missing or of the wrong kind.
    """
    schema = frame.collect_schema()
    require_columns(pl.DataFrame(schema=schema), list(dict.fromkeys(n for tree in trees for n in columns_in(tree))))
    stages = _Stages(schema, {*schema, *outputs})
    made = [stages.build(tree).expr.alias(name) for name, tree in zip(outputs, trees, strict=True)]
    for stage in stages.kept:
        frame = frame.with_columns(stage)
    return frame.with_columns(made).drop(stages.names) if made else frame


class ComputedApplier(LazyApplier):
    """Computes the trees in `params["expressions"]` into the columns `params["outputs"]`."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query with the computed columns."""
        return with_computed(frame, params.strings("outputs"), trees_of(params))

    def plan(self, params: Params) -> list[Op]:
        """Return one compute operation."""
        outputs = tuple(params.strings("outputs"))
        return [Compute(outputs=outputs, expressions=tuple(trees_of(params)))] if outputs else []


def computed_params(outputs: Sequence[tuple[str, Tree]]) -> Params:
    """Return what ComputedApplier works with."""
    return Params(outputs=[name for name, _ in outputs], expressions=[thaw(tree) for _, tree in outputs])


def trees_of(params: Params) -> list[Tree]:
    """Return the trees that `computed_params` stored."""
    return [cast("Tree", freeze(tree)) for tree in params.lists("expressions")]


def folded(tree: Tree) -> Tree:
    """Return a tree of the same values without what is the same for every row: functions of literals, known choices.

    To polars a literal is one row; it broadcasts that beside a column, but not in every place.
    """
    head = tree[0]
    if head not in FUNCTIONS:
        return tree
    arguments = [folded(argument) for argument in tree[1:]]
    if head == "if" and arguments[0][0] == "lit":
        return arguments[1] if arguments[0][1] else arguments[2]
    if head == "coalesce":
        return _coalesced(arguments)
    if head not in ("if", "is_null") and _NULL in arguments:
        return _NULL
    if all(argument[0] == "lit" for argument in arguments):
        return ("lit", compile_row((head, *arguments))({}))
    return (head, *arguments)


def _coalesced(arguments: Sequence[Tree]) -> Tree:
    """Return what may be taken: up to the first literal that is not null."""
    kept: list[Tree] = []
    for argument in arguments:
        if argument != _NULL:
            kept.append(argument)
            if argument[0] == "lit":
                break
    return ("coalesce", *kept) if len(kept) > 1 else next(iter(kept), _NULL)


@dataclass(frozen=True)
class _Built:
    """An expression that can run after so many stages. `finite`: nothing else can come out."""

    expr: pl.Expr
    stage: int
    kind: Kind | None
    finite: bool = True


class _Stages:
    """Turns trees into expressions. What an expression needs twice becomes a column of an earlier stage:

    polars copies an expression wherever it is used, so that a nested one would double at every level.
    """

    def __init__(self, schema: Mapping[str, pl.DataType], taken: set[str]) -> None:
        self._kinds = {name: kind_of_dtype(dtype_of(dtype)) for name, dtype in schema.items()}
        self._floats = {name for name, dtype in schema.items() if dtype == pl.Float64}
        self._taken = taken
        self._known: dict[str, _Built] = {}
        self.kept: list[list[pl.Expr]] = []
        self.names: list[str] = []

    def build(self, tree: Tree) -> _Built:
        """Return the expression of a tree, in the type that its kind has. Raises DataError for a wrong kind."""
        check_tree(tree)
        try:
            kind = infer_kind(tree, self._kinds)
        except KindError as error:
            raise DataError(str(error), reason="wrong-type", column=error.column) from error
        if kind == "other":
            raise DataError(f"column {tree[1]!r} is no number, boolean or text", reason="wrong-type", column=tree[1])
        return self._finite(self._of(folded(tree), kind or "number"))

    def _of(self, tree: Tree, kind: Kind | None = None) -> _Built:
        """Return the expression of a tree as a number, boolean or text (left out: what it is)."""
        own = infer_kind(tree, self._kinds)
        wanted = kind or own or "number"
        head = tree[0]
        if head == "col":
            return self._as(_Built(pl.col(tree[1]), 0, own), wanted)
        if head == "lit":
            return self._literal(tree[1], wanted)
        if head in ("if", "coalesce"):
            return self._taken_from(tree, wanted)
        return self._as(self._function(tree), wanted)

    def _literal(self, value: object, wanted: Kind) -> _Built:
        if value is not None and wanted == "number" and isinstance(value, bool | int | float):
            value = float(value)
        elif value is not None and wanted == "boolean":
            value = value != 0
        return _Built(pl.lit(value, _TYPES.get(wanted, pl.Float64())), 0, wanted)

    def _as(self, built: _Built, wanted: Kind) -> _Built:
        if wanted == "number" and built.finite and not self._is_float(built.expr):
            return _Built(built.expr.cast(pl.Float64), built.stage, "number")
        if wanted == "boolean" and built.kind not in ("boolean", None):
            built = self._finite(built)
            return _Built(built.expr != 0, built.stage, "boolean")
        return built

    def _is_float(self, expr: pl.Expr) -> bool:
        return expr.meta.is_column() and expr.meta.output_name() in self._floats

    def _finite(self, built: _Built) -> _Built:
        """Return the expression with null for what is not finite."""
        if built.finite:
            return built
        column, stage = self._keep(built)
        return _Built(pl.when(column.is_finite()).then(column), stage, built.kind)

    def _keep(self, built: _Built) -> tuple[pl.Expr, int]:
        """Make a column of an expression; return it and the stage from which on it is there."""
        if built.expr.meta.is_column() or built.expr.meta.is_literal():
            return built.expr, built.stage
        while len(self.kept) <= built.stage:
            self.kept.append([])
        name = free_name("computed", self._taken)
        self.kept[built.stage].append(built.expr.alias(name))
        self.names.append(name)
        return pl.col(name), built.stage + 1

    def _function(self, tree: Tree) -> _Built:
        key = repr(tree)
        if key not in self._known:
            self._known[key] = self._made(tree)
        return self._known[key]

    def _made(self, tree: Tree) -> _Built:
        head, takes = tree[0], FUNCTIONS[tree[0]].takes
        kind: Kind | None = None if takes in ("same", "any") else takes  # type: ignore[assignment]
        if takes == "same":
            kind = "text" if "text" in [infer_kind(argument, self._kinds) for argument in tree[1:]] else "number"
        found = [self._of(argument, kind) for argument in tree[1:]]
        carried = [True, False] if head == "div" else [head in _CARRIES] * len(found)
        found = [one if carry else self._finite(one) for one, carry in zip(found, carried, strict=True)]
        if head in ("min", "max"):
            return self._extreme(head, found)
        if head in ("div", "mod"):
            return self._divided(head, found, constant=tree[2][0] == "lit")
        if head == "pow":
            found = self._powers(found)
        stage = max(one.stage for one in found)
        gives = FUNCTIONS[head].gives
        arithmetic = gives == "number" and head != "length"
        expr = _expression(head, [one.expr for one in found])
        return _Built(expr, stage, gives if gives != "same" else None, finite=not arithmetic)

    def _divided(self, head: str, found: Sequence[_Built], *, constant: bool) -> _Built:
        (left, stage), (right, other) = (self._keep(one) for one in found)
        # polars multiplies by the reciprocal where the divisor is one number, which is another last bit
        divisor = left * 0.0 + right if constant else right
        quotient = left / divisor
        expr = quotient if head == "div" else left - right * quotient.floor()
        return _Built(expr, max(stage, other), "number", finite=False)

    def _powers(self, found: Sequence[_Built]) -> list[_Built]:
        """Return base and exponent in full length: with one exponent polars multiplies or takes roots."""
        (base, stage), (exponent, other) = (self._keep(one) for one in found)
        if exponent.meta.is_literal():
            exponent = base * 0.0 + exponent
        elif base.meta.is_literal():
            base = exponent * 0.0 + base
        return [_Built(one, max(stage, other), "number") for one in (base, exponent)]

    def _extreme(self, head: str, found: Sequence[_Built]) -> _Built:
        kept = [self._keep(one) for one in found]
        columns = [column for column, _ in kept]
        choose = pl.min_horizontal if head == "min" else pl.max_horizontal
        nulls = pl.any_horizontal(column.is_null() for column in columns)
        return _Built(pl.when(~nulls).then(choose(columns)), max(stage for _, stage in kept), "number")

    def _taken_from(self, tree: Tree, wanted: Kind) -> _Built:
        arguments = [self._finite(self._of(argument, wanted)) for argument in tree[1 + (tree[0] == "if") :]]
        stage = max(one.stage for one in arguments)
        if tree[0] == "coalesce":
            return _Built(pl.coalesce([one.expr for one in arguments]), stage, wanted)
        truth = self._of(tree[1], "boolean")
        chosen = pl.when(truth.expr).then(arguments[0].expr).otherwise(arguments[1].expr)
        return _Built(chosen, max(stage, truth.stage), wanted)


def _expression(head: str, arguments: list[pl.Expr]) -> pl.Expr:
    if head in _ONE:
        return _ONE[head](arguments[0])
    if head in _TWO:
        return _TWO[head](arguments[0], arguments[1])
    if head in ("and", "or"):
        # as numbers: polars' own `&` and `|` know the answer where one side is null, and null shall give null
        bits = [argument.cast(pl.UInt8) for argument in arguments]
        join = pl.Expr.__and__ if head == "and" else pl.Expr.__or__
        return functools.reduce(join, bits).cast(pl.Boolean)
    if head == "not":
        return ~arguments[0]
    if head == "is_null":
        return arguments[0].is_null()
    if head == "length":
        return arguments[0].str.len_chars()
    if head == "concat":
        return pl.concat_str(arguments)
    return arguments[0].map_batches(_lower if head == "lower" else _upper, return_dtype=pl.String, is_elementwise=True)


def _lower(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase() if _is_ascii(texts) else _changed(texts, str.lower)


def _upper(texts: pl.Series) -> pl.Series:
    return texts.str.to_uppercase() if _is_ascii(texts) else _changed(texts, str.upper)


def _is_ascii(texts: pl.Series) -> bool:
    return bool(texts.str.len_bytes().sum() == texts.str.len_chars().sum())


def _changed(texts: pl.Series, change: Callable[[str], str]) -> pl.Series:
    # Python's Unicode tables, which the serving plan uses, may be of another year than those of polars
    unique = texts.drop_nulls().unique()
    return texts.replace_strict(
        unique, pl.Series([change(text) for text in unique], dtype=pl.String), default=None, return_dtype=pl.String
    )
