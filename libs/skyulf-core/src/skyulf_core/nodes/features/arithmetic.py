"""Arithmetic: a column out of others and constants."""

from __future__ import annotations

import functools
from typing import Annotated, Literal

from pydantic import Field, model_validator

from skyulf_core.nodes.base import Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, free_name
from skyulf_core.nodes.features.computed import ComputedApplier
from skyulf_core.nodes.features.computing import ComputingCalculator, OutputName
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.schema import NUMBER_LIKE, Schema
from skyulf_core.serving.ops.expressions import Tree

_FUNCTIONS = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div"}


class ArithmeticConfig(NodeConfig):
    """What to compute of which columns."""

    operation: Literal["add", "subtract", "multiply", "divide"] = Field(
        default="add", title="Operation", description="Applied from left to right: the columns, then the constants."
    )
    columns: ColumnNames = Field(
        min_length=1,
        max_length=50,
        title="Columns",
        description="Columns in the order of the computation.",
        json_schema_extra={"x-widget": "columns"},
    )
    constants: list[Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default=[], max_length=5, title="Constants", description="Numbers that follow the columns."
    )
    output: OutputName | None = Field(
        default=None,
        title="Output",
        description="Name of the new column; a column of this name is replaced. Left out: operation and columns.",
    )

    @model_validator(mode="after")
    def _enough(self) -> ArithmeticConfig:
        if len(self.columns) + len(self.constants) < 2:
            raise ValueError("name two columns or more, or a column and a constant")
        if self.operation == "divide" and 0.0 in self.constants:
            raise ValueError("a division by the constant 0 has no result")
        return self


class ArithmeticApplier(ComputedApplier):
    """Computes the column."""


@NodeRegistry.register("Arithmetic", ArithmeticApplier)
class ArithmeticCalculator(ComputingCalculator[ArithmeticConfig]):
    """Add, subtract, multiply or divide columns and constants.

    The result is a float. A missing value gives a missing result, and so do a division by zero and an overflow.
    For other forms (a constant first, several operations) there is Expression.

    >>> import polars as pl
    >>> data = pl.DataFrame({"price": [10.0, 8.0], "count": [4, 0]})
    >>> config = ArithmeticConfig(operation="divide", columns=["price", "count"], output="each")
    >>> params = ArithmeticCalculator().fit(data, config)
    >>> ArithmeticApplier().apply(data, params)["each"].to_list()
    [2.5, None]

    >>> ArithmeticCalculator().fit(data, ArithmeticConfig(columns=["price", "amount"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'amount'; the columns are: 'price', 'count'
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("add", "sum", "subtract", "difference", "multiply", "divide", "plus", "minus", "math")
    examples = (
        {"columns": ["number", "count", "flag"]},
        {"operation": "subtract", "columns": ["number", "large"], "constants": [2.5], "output": "difference"},
        {"operation": "multiply", "columns": ["price"], "constants": [1e200, 1e200], "output": "price"},
        {"operation": "divide", "columns": ["price", "count", "number"], "constants": [3.0]},
    )
    accepts = NUMBER_LIKE
    reference = "numpy's operators"

    def outputs(self, schema: Schema, config: ArithmeticConfig) -> list[tuple[str, Tree]]:
        """Return the one column."""
        name = config.output
        if name is None:
            name = free_name(f"{config.operation}_{'_'.join(config.columns)}", set(schema.names))
        values: list[Tree] = [("col", column) for column in config.columns]
        values += [("lit", constant) for constant in config.constants]
        function = _FUNCTIONS[config.operation]
        return [(name, functools.reduce(lambda left, right: (function, left, right), values))]
