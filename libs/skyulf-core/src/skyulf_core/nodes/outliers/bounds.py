"""What the outlier nodes share: bounds of columns, and the rows between them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from skyulf_core.nodes.base import RowApplier
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError


class Bounds(BaseModel):
    """The smallest and the largest value that is allowed; one of them may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lower: float | None = Field(
        default=None, allow_inf_nan=False, title="Lower", description="Smallest value; left out: no bound."
    )
    upper: float | None = Field(
        default=None, allow_inf_nan=False, title="Upper", description="Largest value; left out: no bound."
    )

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.lower is None and self.upper is None:
            raise ValueError("lower or upper is needed")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError("lower must not be larger than upper")
        return self


class BoundsApplier(RowApplier):
    """Keeps rows whose values lie between `lower` and `upper` of their columns; a missing value is no outlier."""

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return the positions of the rows to keep."""
        bounds = zip(params.strings("columns"), params.scalars("lower"), params.scalars("upper"), strict=True)
        kept = [
            pl.col(name).is_null() | (_above(name, low) & _below(name, high))
            for name, low, high in bounds
            if not (low is None and high is None)
        ]
        if not kept:
            return np.arange(data.height)
        return np.flatnonzero(data.select(pl.all_horizontal(kept)).to_series().to_numpy())


def _above(name: str, low: Scalar) -> pl.Expr:
    return pl.lit(True) if low is None else pl.col(name).cast(pl.Float64) >= low


def _below(name: str, high: Scalar) -> pl.Expr:
    return pl.lit(True) if high is None else pl.col(name).cast(pl.Float64) <= high


def finite(value: float | None, name: str, what: str) -> float | None:
    """Return a statistic of a column. Raises DataError where infinite values have made it infinite."""
    if value is None or math.isfinite(value):
        return value
    message = f"column {name!r} holds infinite values: {what} is not a number; use InvalidValueReplacement before"
    raise DataError(message, reason="not-finite", column=name)
