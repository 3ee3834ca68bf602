"""Several queries at once."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl
from polars._typing import EngineType

_EACH_ALONE = pl.QueryOptFlags(comm_subplan_elim=False)


def collect_each(queries: Iterable[pl.LazyFrame], *, engine: EngineType = "auto") -> list[pl.DataFrame]:
    """Return the results of queries that run at once.

    Each reads its columns itself: what queries share polars would collect, so that memory grew with the rows.
    """
    return pl.collect_all(queries, engine=engine, optimizations=_EACH_ALONE)
