"""Expression: new columns by formulas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, field_validator

from skyulf_core.nodes.base import Kind, NodeConfig
from skyulf_core.nodes.features.computed import ComputedApplier
from skyulf_core.nodes.features.computing import ComputingCalculator, OutputName
from skyulf_core.nodes.features.grammar import parse
from skyulf_core.nodes.features.kinds import KindError, infer_kind, kinds_of
from skyulf_core.nodes.features.tokens import MAX_LENGTH, ExpressionSyntaxError
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import Problem, pointer_part
from skyulf_core.schema import Schema
from skyulf_core.serving.ops.expressions import Tree, columns_in


class ExpressionConfig(NodeConfig):
    """Which columns to compute, and how."""

    expressions: dict[OutputName, Annotated[str, Field(max_length=MAX_LENGTH)]] = Field(
        min_length=1,
        max_length=100,
        title="Expressions",
        description="New column → formula: `log1p(fare) / max(age, 1)`, `if(city == 'Oslo', 1, 0)`. Names with other "
        "signs than letters, digits and _ stand in backticks. A column that has the new name is replaced.",
        json_schema_extra={"x-widget": "expressions"},
    )

    @field_validator("expressions")
    @classmethod
    def _readable(cls, expressions: dict[str, str]) -> dict[str, str]:
        for output, text in expressions.items():
            try:
                parse(text)
            except ExpressionSyntaxError as error:
                raise ValueError(f"{output!r}: {error}") from error
        return expressions

    def trees(self) -> list[tuple[str, Tree]]:
        """Return the new columns and their trees."""
        return [(output, parse(text)) for output, text in self.expressions.items()]

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns that the formulas read."""
        for output, tree in self.trees():
            for name in dict.fromkeys(columns_in(tree)):
                yield f"/expressions/{pointer_part(output)}", name


class ExpressionApplier(ComputedApplier):
    """Computes the formulas."""


@NodeRegistry.register("Expression", ExpressionApplier)
class ExpressionCalculator(ComputingCalculator[ExpressionConfig]):
    """Compute new columns by formulas: arithmetic, comparisons, conditions and functions, on a closed grammar.

    `+ - * / % **`, `== != < <= > >=`, `and or not`, `if(condition, a, b)`, `coalesce`, `is_null`, `min`, `max`, `abs`,
    `floor`, `ceil`, `round(x, decimals)`, `log`, `log1p`, `exp`, `sqrt`, `cbrt`, `sin`, `cos`, `mod`, `pow`; for texts
    `lower`, `upper`, `length`, `concat`. A null gives null (except in `is_null`, `coalesce`, and as a condition of
    `if`, where it counts as false), and so does what is no finite number: `1 / 0`, `log(-1)`, an overflow.
    All formulas read the columns as they were before; numbers come out as floats.

    >>> import polars as pl
    >>> data = pl.DataFrame({"fare": [9.0, None], "family size": [3, 1]})
    >>> config = ExpressionConfig(expressions={"each": "fare / `family size`", "alone": "`family size` == 1"})
    >>> params = ExpressionCalculator().fit(data, config)
    >>> ExpressionApplier().apply(data, params).select("each", "alone").to_dict(as_series=False)
    {'each': [3.0, None], 'alone': [False, True]}

    >>> ExpressionConfig(expressions={"each": "fare / (age"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
      Value error, 'each': position 12: expected ')' or an operator, found the end ...
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("formula", "expression", "compute", "calculate", "condition", "if", "new column")
    examples = (
        {"expressions": {"a": "number + count * 2 - large / (same - 5)", "b": "number > 10 and not flag"}},
        {"expressions": {"a": "if(number > price, sqrt(number), coalesce(number, -1))", "count": "count % 3"}},
        {"expressions": {"tag": "concat(upper(city), ' ', coalesce(plan, 'none'))", "n": "length(note)"}},
        {"expressions": {"a": "round(exp(number) ** 2, 2)", "gone": "is_null(at) or plan == 'pro'", "one": "1 + 1"}},
        {"expressions": {"low": "min(number, count, 3)", "top": "max(sin(lat), cbrt(number))", "if": "log(number)"}},
        {"expressions": {"c": "if(flag, plan, city)", "d": "if(is_null(number), flag, true)", "e": "city < 'P'"}},
    )
    reference = "the formulas in numpy"

    def outputs(self, schema: Schema, config: ExpressionConfig) -> list[tuple[str, Tree]]:
        """Return the formulas."""
        return config.trees()

    def check(self, schema: Schema, config: ExpressionConfig) -> list[Problem]:
        """Refuse functions on columns of the wrong type."""
        problems, kinds = [], kinds_of(schema)
        for output, tree in config.trees():
            if not all(name in kinds for name in columns_in(tree)):
                continue  # reported as unknown columns
            message = None
            try:
                if infer_kind(tree, kinds) == "other":
                    message = f"column {tree[1]!r} is neither a number nor a boolean nor a text"
            except KindError as error:
                message = str(error)
            if message is not None:
                problems.append(Problem(f"/expressions/{pointer_part(output)}", f"{message}.", "wrong-type"))
        return problems
