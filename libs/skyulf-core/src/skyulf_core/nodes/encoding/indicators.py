"""Indicator columns, one per category: what OneHotEncoder and DummyEncoder share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import polars as pl

from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.encoding.categories import code_of, small_literal
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError
from skyulf_core.serving.ops import OneHot

MOST_COLUMNS = 20_000
"""So many columns one encoder makes at most."""

_FEW = 8
"""Up to so many categories it is quicker to compare the values themselves than to find their codes first."""


@dataclass(frozen=True)
class Group:
    """The indicator columns of one encoded column; None is a category that is known and has none."""

    column: str
    categories: list[Scalar]
    outputs: list[str | None]
    infrequent: list[Scalar]
    infrequent_output: str | None
    missing_output: str | None

    def names(self) -> list[str]:
        """Return the columns that are written, in order."""
        written = (*self.outputs, self.infrequent_output, self.missing_output)
        return [name for name in written if name is not None]

    def known(self) -> list[Scalar]:
        """Return all categories that training saw."""
        return [*self.categories, *self.infrequent]

    def op(self, *, handle_unknown: Literal["ignore", "error", "infrequent"], drop_original: bool) -> OneHot:
        """Return the group as an operation of the serving plan."""
        return OneHot(
            column=self.column,
            categories=tuple(self.categories),
            outputs=tuple(self.outputs),
            handle_unknown=handle_unknown,
            infrequent=tuple(self.infrequent),
            infrequent_output=self.infrequent_output,
            missing_output=self.missing_output,
            drop_original=drop_original,
        )


def groups_of(params: Params) -> list[Group]:
    """Return the groups that were stored with `vars`."""
    return [Group(**cast("dict[str, list[Scalar]]", item)) for item in params.items_of("groups")]  # type: ignore[arg-type]


def refuse_too_many(groups: Sequence[Group]) -> None:
    """Raise DataError where the columns would be more than anybody can use."""
    for group in groups:
        if len(group.names()) > MOST_COLUMNS:
            raise DataError(
                f"column {group.column!r} has {len(group.names())} categories, a column each would be too many "
                f"(at most {MOST_COLUMNS}); group rare ones, or use TargetEncoder, HashEncoder or FrequencyEncoder",
                reason="too-many-categories",
                column=group.column,
            )


def with_indicators(
    frame: pl.LazyFrame, groups: Sequence[Group], *, drop_original: bool, unknown_is_infrequent: bool
) -> pl.LazyFrame:
    """Return the query of the frame with boolean indicator columns at its end."""
    schema = frame.collect_schema()
    taken = {*schema.names(), *(name for group in groups for name in group.names())}
    many = [group for group in groups if len(group.names()) > _FEW or group.infrequent]
    codes = {group.column: free_name(f"{group.column} code", taken) for group in many}
    coded = [
        code_of(group.column, group.known(), schema[group.column])
        .fill_null(small_literal(len(group.known())))
        .alias(codes[group.column])
        for group in many
    ]
    written = [
        indicator
        for group in groups
        for indicator in (
            _by_code(group, codes[group.column], unknown_is_infrequent) if group.column in codes else _by_value(group)
        )
    ]
    gone = [*codes.values(), *((group.column for group in groups) if drop_original else ())]
    return frame.with_columns(coded).with_columns(written).drop(gone)


def _by_value(group: Group) -> Iterator[pl.Expr]:
    column = pl.col(group.column)
    for value, name in zip(group.categories, group.outputs, strict=True):
        if name is not None:
            yield column.eq_missing(pl.lit(value)).alias(name)
    if group.missing_output is not None:
        yield column.is_null().alias(group.missing_output)


def _by_code(group: Group, code: str, unknown_is_infrequent: bool) -> Iterator[pl.Expr]:
    for index, name in enumerate(group.outputs):
        if name is not None:
            yield (pl.col(code) == index).alias(name)
    if group.infrequent_output is not None:
        rare, all_known = pl.col(code) >= len(group.categories), pl.col(code) < len(group.known())
        # a null is no unknown category: it has its own rule
        known = pl.col(group.column).is_not_null() if unknown_is_infrequent else all_known
        yield (rare & known).alias(group.infrequent_output)
    if group.missing_output is not None:
        yield pl.col(group.column).is_null().alias(group.missing_output)
