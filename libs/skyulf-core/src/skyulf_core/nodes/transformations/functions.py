"""What the transformations share: functions applied as the serving plan applies them."""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from skyulf_core.nodes.base import LazyApplier, NodeConfig
from skyulf_core.nodes.elementwise import affine, mapped
from skyulf_core.params import Params
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import Affine, Power, Transform
from skyulf_core.serving.ops.transforms import Function, OnDomain, applied, refusal, refused_rows

FunctionName: TypeAlias = Literal["log1p", "sqrt", "cbrt", "reciprocal", "square", "exp"]
PowerName: TypeAlias = Literal["yeo-johnson", "box-cox"]


class DomainConfig(NodeConfig):
    """What happens to values that a function cannot take."""

    on_error: OnDomain = Field(
        default="fail",
        title="Outside the domain",
        description="A value without a finite result (as the root of a negative number) stops with an error, or "
        "becomes missing.",
    )


class FunctionApplier(LazyApplier):
    """Applies the functions of its own plan to columns; nulls stay null."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the changed columns as floats; what has no finite result is null."""
        for op in self.plan(params):
            if isinstance(op, Transform | Power):
                frame = frame.with_columns(
                    mapped(column, partial(applied, function)) for column, _, function in op.functions()
                )
            elif isinstance(op, Affine):
                triples = zip(op.columns, op.offsets, op.scales, strict=True)
                frame = frame.with_columns(affine(name, offset, scale) for name, offset, scale in triples)
        return frame

    def fuses(self, params: Params) -> bool:
        """Say whether values outside a function's domain become null."""
        return params.text("on_error") == "null"

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a value without a finite result."""
        ops = [op for op in self.plan(params) if isinstance(op, Transform | Power)]
        functions = [found for op in ops for found in op.functions()]
        first = [mapped(column, partial(_refused, function)).drop_nulls().first() for column, _, function in functions]
        values = frame.select(value.alias(str(i)) for i, value in enumerate(first)).collect().row(0) if first else ()
        for (column, name, _), value in zip(functions, values, strict=True):
            if value is not None:
                message = f"column {column!r}: {refusal(name, value)}"
                raise DataError(message, reason="out-of-domain", column=column)


def _refused(function: Function, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values without a finite result, NaN for the others."""
    outside = np.full(len(values), np.nan)
    rows = refused_rows(values, applied(function, values))
    outside[rows] = values[rows]
    return outside
