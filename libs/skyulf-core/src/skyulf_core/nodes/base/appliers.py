"""The part of a node that applies what was learned."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skyulf_core.params import Params

if TYPE_CHECKING:
    import polars as pl

    from skyulf_core.serving.ops import Op


class Applier:
    """Applies what was learned. Pure: the same params and rows give the same rows, whatever came before."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the changed frame; columns that the node does not know pass through."""
        raise TypeError(f"{type(self).__name__} does not apply to columns")

    def plan(self, params: Params) -> list[Op]:
        """Return the same change as operations of the serving plan; empty for nodes that never run at predict."""
        return []


class LazyApplier(Applier):
    """An applier whose work is one polars query, so that a run of such nodes becomes one fused query."""

    @abstractmethod
    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the changed frame; columns that the node does not know pass through."""

    def fuses(self, params: Params) -> bool:
        """Say whether `transform` is all there is to it; False where `refuse` must look at values before."""
        return True

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for the first value that the node refuses, found by queries that hold no rows.

        Asked only where `fuses` says no. Memory and stream ask the same, so that both refuse with the same words.
        """
        raise TypeError(f"{type(self).__name__} does not say which values it refuses")

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the changed frame. Raises DataError for values that the node refuses."""
        if not self.fuses(params):
            self.refuse(data.lazy(), params)
        return self.transform(data.lazy(), params).collect()


class RowApplier(Applier):
    """Applier of a row-changing node: says which rows of the training split remain."""

    @abstractmethod
    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return positions of the rows to keep, in order; twice only where the calculator `repeats_rows`."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the remaining rows."""
        return data[self.rows(data, params)]
