"""What the transformations share: functions applied as the serving plan applies them."""

from __future__ import annotations

from collections.abc import Iterator
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
from skyulf_core.serving.ops.transforms import OnDomain, applied, refusal, refused_rows

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

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the changed columns as floats. Raises DataError for a value without a finite result."""
        if not self.fuses(params):
            for column, name, values, found in self._results(data, params):
                rows = refused_rows(values, found)
                if len(rows):
                    message = f"column {column!r}: {refusal(name, float(values[rows[0]]))}"
                    raise DataError(message, reason="out-of-domain", column=column)
        return super().apply(data, params)

    def _results(
        self, data: pl.DataFrame, params: Params
    ) -> Iterator[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]]:
        for op in self.plan(params):
            for column, name, function in op.functions() if isinstance(op, Transform | Power) else ():
                values = data[column].cast(pl.Float64).to_numpy()
                yield column, name, values, applied(function, values)
