"""The compute operation: arithmetic, comparisons and choices on the values of a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from skyulf_core.serving.ops.base import Columns, Op, Origins, Row, RowFunction, freeze, operation, same_length
from skyulf_core.serving.ops.expression_columns import Computation
from skyulf_core.serving.ops.expression_rows import compile_row
from skyulf_core.serving.ops.expressions import Tree, check_tree, columns_in, null_origins, rename_in


@operation
@dataclass(frozen=True)
class Compute(Op):
    """Write the value of each expression to its output; all of them read the row as it was before.

    An expression is `("col", name)`, `("lit", value)` or `(function, argument, …)` of the closed set in
    `expressions.FUNCTIONS`. Numbers are float64 (booleans count as 0 and 1, numbers are true where they are not 0).
    A null argument gives null, except for `is_null`, `coalesce` (the first that is not null) and `if` (a condition
    that is null counts as false). What is not finite (division by zero, `log(-1)`, overflow) is null.
    `mod(a, b)` is `a - b * floor(a / b)`; `round` takes halves to the even neighbour.
    """

    op: ClassVar[str] = "compute"
    outputs: tuple[str, ...]
    expressions: tuple[Tree, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "expressions", freeze(self.expressions))
        same_length("compute", outputs=self.outputs, expressions=self.expressions)
        for tree in self.expressions:
            check_tree(tree)

    def row_function(self) -> RowFunction:
        """Compute on one row."""
        pairs = tuple((name, compile_row(tree)) for name, tree in zip(self.outputs, self.expressions, strict=True))
        if len(pairs) == 1:
            ((output, value),) = pairs

            def run_one(values: Row) -> None:
                values[output] = value(values)

            return run_one

        def run(values: Row) -> None:
            values.update([(name, value(values)) for name, value in pairs])

        return run

    def batch(self, columns: Columns) -> None:
        """Compute on columns: numbers become float64, booleans stay so where none is null."""
        computation = Computation(columns)
        columns.update(
            {name: computation.column(tree) for name, tree in zip(self.outputs, self.expressions, strict=True)}
        )

    def makes(self) -> frozenset[str]:
        """Make the outputs."""
        return frozenset(self.outputs)

    def restrict(self, after: frozenset[str]) -> Op | None:
        """Keep the expressions whose outputs are needed."""
        kept = [(name, tree) for name, tree in zip(self.outputs, self.expressions, strict=True) if name in after]
        return replace(self, outputs=tuple(n for n, _ in kept), expressions=tuple(t for _, t in kept)) if kept else None

    def needed(self, after: frozenset[str]) -> frozenset[str]:
        """Need the columns that the expressions read."""
        return (after - self.makes()).union(*(columns_in(tree) for tree in self.expressions))

    def renamed(self, names: Callable[[str], str]) -> Op:
        """Return the operation on columns of other names, inside the expressions too."""
        trees = tuple(rename_in(tree, names) for tree in self.expressions)
        return replace(self, outputs=tuple(names(name) for name in self.outputs), expressions=trees)

    def trace(self, origins: Origins) -> frozenset[str]:
        """A null reaches the output where it alone makes the value null."""
        found = [null_origins(tree, origins) for tree in self.expressions]
        origins.update(zip(self.outputs, found, strict=True))
        return frozenset()
