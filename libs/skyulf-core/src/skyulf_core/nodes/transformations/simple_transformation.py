"""SimpleTransformation: one function for some columns."""

from __future__ import annotations

from typing import cast

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.transformations.functions import DomainConfig, FunctionApplier, FunctionName
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Op, Transform
from skyulf_core.serving.ops.transforms import OnDomain


class SimpleTransformationConfig(DomainConfig):
    """Which function to apply."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    function: FunctionName = Field(
        default="log1p",
        title="Function",
        description="log1p: log(1 + x); sqrt and cbrt: square and cube root; reciprocal: 1 / x; square; exp.",
    )


class SimpleTransformationApplier(FunctionApplier):
    """Applies the function."""

    def plan(self, params: Params) -> list[Op]:
        """Return one transform operation."""
        columns = tuple(params.strings("columns"))
        return [
            Transform(columns, (params.text("function"),) * len(columns), cast("OnDomain", params.text("on_error")))
        ]


@NodeRegistry.register("SimpleTransformation", SimpleTransformationApplier)
class SimpleTransformationCalculator(StreamingCalculator[SimpleTransformationConfig]):
    """Apply one function to columns: logarithm, root, reciprocal, square or exponential.

    A value without a finite result (the root of -1, the reciprocal of 0, the exponential of 1000) is refused, or
    becomes missing with `on_error: null`.

    >>> data = pl.DataFrame({"area": [4.0, 9.0, None]})
    >>> params = SimpleTransformationCalculator().fit(data, SimpleTransformationConfig(function="sqrt"))
    >>> SimpleTransformationApplier().apply(data, params)["area"].to_list()
    [2.0, 3.0, None]

    >>> SimpleTransformationApplier().apply(pl.DataFrame({"area": [-4.0]}), params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'area': sqrt of -4.0 is not a finite number
    """

    family = "transformations"
    kind = Kind.STATELESS
    keywords = ("log", "sqrt", "root", "reciprocal", "square", "exponential", "skew")
    examples = (
        {"columns": ["count", "price"]},
        {"columns": ["number", "large"], "function": "cbrt"},
        {"columns": ["number", "count"], "function": "sqrt", "on_error": "null"},
        {"columns": ["count", "lat"], "function": "reciprocal", "on_error": "null"},
        {"columns": ["large", "number"], "function": "square"},
        {"function": "exp", "on_error": "null"},
    )
    accepts = NUMERIC
    reference = "numpy's function of the same name"

    def learn(self, frame: pl.LazyFrame, config: SimpleTransformationConfig) -> Params:
        """Keep the columns and the function."""
        columns = chosen_lazy(frame, config.columns, NUMERIC)
        return Params(columns=columns, function=config.function, on_error=config.on_error)

    def infer_schema(self, schema: Schema, config: SimpleTransformationConfig) -> Schema:
        """Return the schema with floats in the chosen columns, which may become null."""
        columns = chosen(config.columns, schema, NUMERIC)
        schema = schema.change(columns, dtype="float")
        return schema.change(columns, nullable=True) if config.on_error == "null" else schema
