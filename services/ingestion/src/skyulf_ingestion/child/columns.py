"""The columns of a Parquet file one after the other, whether it is long or wide."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

CELLS_AT_ONCE = 1_000_000


def each_column(parquet: Path) -> Iterator[tuple[str, pl.LazyFrame]]:
    """Yield each column's name and a query of it alone, in the file's order.

    A long column stays on disk, for the query to stream or to collect. The columns of a wide table are read many at a
    time: every reading begins with the file's whole directory, and column by column that would take minutes.
    """
    lazy = pl.scan_parquet(parquet)
    names = lazy.collect_schema().names()
    rows = int(lazy.select(pl.len()).collect().item())
    width = CELLS_AT_ONCE // max(rows, 1)
    if width <= 1:
        yield from ((name, lazy.select(name)) for name in names)
        return
    for start in range(0, len(names), width):
        group = names[start : start + width]
        read = lazy.select(group).collect()
        yield from ((column.name, column.to_frame().lazy()) for column in read)
