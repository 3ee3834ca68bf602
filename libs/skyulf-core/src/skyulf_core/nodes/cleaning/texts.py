"""A function of a text as part of a query: each different text is worked on once."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl


def map_expression(name: str, function: Callable[[str], str | None]) -> pl.Expr:
    """Return the query of a text column after a function; nulls stay null."""
    return pl.col(name).map_batches(
        lambda series: map_series(series, function), return_dtype=pl.String(), is_elementwise=True
    )


def map_series(series: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """Return a text column after a function."""
    known = series.cast(pl.String).drop_nulls().unique()
    if not len(known):
        return pl.Series(series.name, [None] * len(series), dtype=pl.String)
    changed = pl.Series([function(text) for text in known], dtype=pl.String)
    return series.cast(pl.String).replace_strict(known, changed, default=None, return_dtype=pl.String)
