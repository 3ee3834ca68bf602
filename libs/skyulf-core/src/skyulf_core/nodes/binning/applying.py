"""Putting numbers into bins: the query and the operation that all binning nodes share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl
from polars.expr.whenthen import ChainedThen, Then

from skyulf_core.nodes.base import LazyApplier
from skyulf_core.nodes.encoding.categories import small_literal
from skyulf_core.params import Params, Scalar
from skyulf_core.serving.ops import Bins, Op

Closed = Literal["left", "right"]

_COMPARED = 63
"""Up to so many cuts, comparing with each is quicker than searching (a million rows, measured)."""


@dataclass(frozen=True)
class Binned:
    """The bins of one column: cuts between them, one label each, bounds of what is in any, and the label of nulls."""

    column: str
    cuts: list[float]
    labels: list[Scalar]
    lower: float | None = None
    upper: float | None = None
    missing: Scalar = None

    def query(self, closed: Closed) -> pl.Expr:
        """Return the labels of the column's values."""
        number = pl.col(self.column).cast(pl.Float64)
        found = self._labelled(bin_of(number, self.cuts, closed))
        kept: Then | ChainedThen = pl.when(pl.col(self.column).is_null()).then(pl.lit(self.missing, self.dtype))
        if self.lower is not None:
            kept = kept.when(number < self.lower).then(pl.lit(None, self.dtype))
        if self.upper is not None:
            kept = kept.when(number > self.upper).then(pl.lit(None, self.dtype))
        return kept.otherwise(found).alias(self.column)

    def _labelled(self, code: pl.Expr) -> pl.Expr:
        if self.labels == list(range(len(self.labels))):
            return code.cast(pl.Int64)
        if len(self.labels) == 1:
            return pl.lit(self.labels[0], self.dtype)
        return pl.lit(pl.Series(self.labels, dtype=self.dtype)).gather(code)

    @property
    def dtype(self) -> type[pl.DataType]:
        """The type of the labels."""
        return pl.String if isinstance(self.labels[0], str) else pl.Int64


def bin_of(number: pl.Expr, cuts: Sequence[float], closed: Closed) -> pl.Expr:
    """Return the position of each number's bin; anything for a null."""
    if len(cuts) > _COMPARED:
        return pl.lit(pl.Series(cuts, dtype=pl.Float64)).search_sorted(
            number, side="right" if closed == "left" else "left"
        )
    if not cuts:
        return pl.lit(0, pl.UInt8)
    below = [number < cut if closed == "left" else number <= cut for cut in cuts]
    chain: Then | ChainedThen = pl.when(below[0]).then(small_literal(0))
    for index in range(1, len(cuts)):
        chain = chain.when(below[index]).then(small_literal(index))
    return chain.otherwise(small_literal(len(cuts)))


def bins_params(binned: Sequence[Binned], closed: Closed) -> Params:
    """Return what a binning node has learned."""
    return Params(columns=[one.column for one in binned], bins=[vars(one) for one in binned], closed=closed)


def binned_of(params: Params) -> list[Binned]:
    """Return what `bins_params` stored."""
    return [Binned(**item) for item in params.items_of("bins")]  # type: ignore[arg-type]


def bins_op(params: Params) -> Bins:
    """Return the bins as an operation of the serving plan."""
    binned = binned_of(params)
    return Bins(
        columns=tuple(one.column for one in binned),
        cuts=tuple(tuple(one.cuts) for one in binned),
        labels=tuple(tuple(one.labels) for one in binned),
        lower=tuple(one.lower for one in binned),
        upper=tuple(one.upper for one in binned),
        missing=tuple(one.missing for one in binned),
        closed=cast("Closed", params.text("closed")),
    )


class BinsApplier(LazyApplier):
    """Replaces numbers by the labels of their bins."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the labels."""
        closed = cast("Closed", params.text("closed"))
        return frame.with_columns(one.query(closed) for one in binned_of(params))

    def plan(self, params: Params) -> list[Op]:
        """Return one bins operation."""
        return [bins_op(params)]
