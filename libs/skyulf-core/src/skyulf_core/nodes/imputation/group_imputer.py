"""GroupImputer: missing values replaced by what is usual in the row's group."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, cast

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.data.frames import dtype_of, require_columns
from skyulf_core.data.queries import collect_each
from skyulf_core.data.sums import sums_of
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.encoding.categories import ENCODABLE
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, TEXT, Dtype, Schema
from skyulf_core.serving.ops import GroupLookup, Impute, Op

_MOST_VALUES = 2_000_000


class GroupImputerConfig(NodeConfig):
    """Which columns make the groups, and what is taken from them."""

    columns: ColumnNames | None = columns_field(
        "all numeric columns for mean and median, all numeric, boolean and text columns for most_frequent; never those "
        "that make the groups"
    )
    group_by: ColumnNames = Field(
        min_length=1,
        max_length=20,
        title="Groups",
        description="Columns whose values, taken together, make a group. A missing one is a value of its own.",
        json_schema_extra={"x-widget": "columns"},
    )
    strategy: Literal["mean", "median", "most_frequent"] = Field(
        default="mean",
        title="Strategy",
        description="Which value of the group's training rows stands for a missing one.",
    )
    fallback: Literal["global", "none"] = Field(
        default="global",
        title="Fallback",
        description="Where training saw no value in the group: that of all training rows, or the value stays missing.",
    )

    @model_validator(mode="after")
    def _apart(self) -> GroupImputerConfig:
        both = [name for name in self.columns or () if name in self.group_by]
        if both:
            raise ValueError(f"columns cannot be filled and make the groups at once: {', '.join(both)}")
        return self

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns to fill and those that make the groups."""
        yield from super().named_columns()
        for index, name in enumerate(self.group_by):
            yield f"/group_by/{index}", name

    def accepted(self) -> frozenset[Dtype]:
        """Return the types that the strategy can fill."""
        return NUMBER_LIKE | TEXT if self.strategy == "most_frequent" else NUMERIC


class GroupImputerApplier(LazyApplier):
    """Puts the group's value where a column is null, then the value of all rows."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the filled columns; numbers are floats unless the most frequent value was learned."""
        columns = params.strings("columns")
        if not columns:
            return frame
        schema, keys = frame.collect_schema(), params.strings("group_by")
        taken = set(schema.names())
        helpers = [free_name(f"{name} of the group", taken) for name in columns]
        table = _table(params, schema, helpers)
        joined = frame.join(table.lazy(), on=keys, how="left", nulls_equal=True, maintain_order="left")
        filled = [
            pl.coalesce(_number(name, params), helper, pl.lit(default, table.schema[helper]))
            for name, helper, default in zip(columns, helpers, params.scalars("defaults"), strict=True)
        ]
        return joined.with_columns(filled).drop(helpers)

    def plan(self, params: Params) -> list[Op]:
        """Return a group_lookup that fills, and an impute."""
        columns, defaults = tuple(params.strings("columns")), tuple(params.scalars("defaults"))
        if not columns:
            return []
        lookup = GroupLookup(
            columns=tuple(params.strings("group_by")),
            groups=tuple(tuple(keys) for keys in params.lists("groups")),
            outputs=columns,
            values=tuple(tuple(values) for values in params.lists("values")),
            default=(None,) * len(columns),
            mode="fill",
        )
        return [lookup, Impute(columns, defaults)] if params.text("fallback") == "global" else [lookup]


def _number(name: str, params: Params) -> pl.Expr:
    return pl.col(name) if params.text("strategy") == "most_frequent" else pl.col(name).cast(pl.Float64)


def _table(params: Params, schema: pl.Schema, helpers: list[str]) -> pl.DataFrame:
    """Return the groups as a frame, keys in the types of the rows."""
    keys, groups = params.strings("group_by"), params.lists("groups")
    found = {
        name: pl.Series([group[i] for group in groups], dtype=schema[name], strict=False)
        for i, name in enumerate(keys)
    }  # fmt: skip
    most_frequent = params.text("strategy") == "most_frequent"
    values = zip(params.strings("columns"), helpers, params.lists("values"), strict=True)
    for name, helper, column in values:
        dtype = schema[name] if most_frequent else pl.Float64
        found[helper] = pl.Series(column, dtype=dtype, strict=False)
    return pl.DataFrame(found)


@NodeRegistry.register("GroupImputer", GroupImputerApplier)
class GroupImputerCalculator(StreamingCalculator[GroupImputerConfig]):
    """Replace missing values by the mean, median or most frequent value of the rows of the same group.

    A group that training did not see, or where it saw no value, follows the fallback. Of several most frequent values
    the smallest is taken.

    >>> data = pl.DataFrame({"plan": ["a", "a", "b", "b"], "fee": [10.0, None, 30.0, 50.0]})
    >>> config = GroupImputerConfig(group_by=["plan"])
    >>> params = GroupImputerCalculator().fit(data, config)
    >>> new = pl.DataFrame({"plan": ["a", "b", "c"], "fee": [None, None, None]}, schema_overrides={"fee": pl.Float64})
    >>> GroupImputerApplier().apply(new, params)["fee"].to_list()
    [10.0, 40.0, 30.0]

    >>> GroupImputerConfig(columns=["plan"], group_by=["plan"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "imputation"
    kind = Kind.LEARNED
    keywords = ("missing", "null", "nan", "group by", "segment", "mean", "median", "mode")
    examples = (
        {"group_by": ["city"]},
        {"group_by": ["plan", "flag"], "strategy": "median", "columns": ["number", "count"]},
        {"group_by": ["count"], "strategy": "most_frequent"},
        {"group_by": ["city", "plan"], "strategy": "mean", "columns": ["number"], "fallback": "none"},
        {"group_by": ["city"], "columns": []},
    )
    reference = "mean, median or mode of the values in each group (pandas' groupby)"

    def check(self, schema: Schema, config: GroupImputerConfig) -> list[Problem]:
        """Refuse columns that the strategy cannot fill, and groups of dates."""
        problems = []
        for field, names, accepted in (
            ("columns", config.columns or [], config.accepted()), ("group_by", config.group_by, ENCODABLE),
        ):  # fmt: skip
            for index, name in enumerate(names):
                column = schema.find(name)
                if column is not None and column.dtype not in accepted:
                    message = f"Column {name!r} is {column.dtype}; accepted here: {', '.join(sorted(accepted))}."
                    problems.append(Problem(f"/{field}/{index}", message, "wrong-type"))
        return problems

    def learn(self, frame: pl.LazyFrame, config: GroupImputerConfig) -> Params:
        """Learn the values of every group and of all rows, in one query each that run together."""
        schema = frame.collect_schema()
        require_columns(pl.DataFrame(schema=schema), config.group_by)
        columns = [n for n in chosen_lazy(frame, config.columns, config.accepted()) if n not in config.group_by]
        groups, whole = _statistics(frame, columns, config)
        for name in columns:
            _require_usable(name, whole[name], groups[name], config)
        if len(groups) * (len(columns) + len(config.group_by)) > _MOST_VALUES:
            raise DataError(
                f"{len(groups)} groups are too many to keep; group by columns with fewer values",
                reason="too-many-groups",
                column=config.group_by[0],
            )
        keys = [_keys(groups[name]) for name in config.group_by]
        return Params(
            columns=columns,
            group_by=list(config.group_by),
            groups=[list(key) for key in zip(*keys, strict=True)],
            values=[groups[name].to_list() for name in columns],
            defaults=[whole[name][0] if config.fallback == "global" else None for name in columns],
            strategy=config.strategy,
            fallback=config.fallback,
        )

    def infer_schema(self, schema: Schema, config: GroupImputerConfig) -> Schema:
        """Return the schema without nulls in the chosen columns, unless nothing is the fallback."""
        found = chosen(config.columns, schema, config.accepted())
        columns = [name for name in found if name not in config.group_by]
        if config.strategy != "most_frequent":
            schema = schema.change(columns, dtype="float")
        return schema.change(columns, nullable=False) if config.fallback == "global" else schema


def _statistics(
    frame: pl.LazyFrame, columns: list[str], config: GroupImputerConfig
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (one row per group that has a value, in the order of the keys; one row for all)."""
    if not columns:
        return frame.select(config.group_by).head(0).collect(), pl.DataFrame()
    found = _aggregations(frame, columns, config.strategy)
    # 0.0 and -0.0 are one key
    keys = [
        (pl.col(n) + 0.0).alias(n) if dtype.is_float() else pl.col(n)
        for n, dtype in frame.select(config.group_by).collect_schema().items()
    ]
    engine: Literal["auto", "streaming"] = "streaming" if config.strategy == "mean" else "auto"
    groups, whole = collect_each([frame.group_by(keys).agg(found), frame.select(found)], engine=engine)
    some = groups.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in columns))
    return some.sort(config.group_by, nulls_last=False), whole


def _aggregations(frame: pl.LazyFrame, columns: list[str], strategy: str) -> list[pl.Expr]:
    if strategy == "most_frequent":
        return [pl.col(name).drop_nulls().mode().min().alias(name) for name in columns]
    numbers = [pl.col(name).cast(pl.Float64) for name in columns]
    if strategy == "median":
        return [number.median() for number in numbers]
    found = zip(sums_of(frame, columns), numbers, columns, strict=True)
    return [sums.mean(number).alias(name) for sums, number, name in found]


def _keys(column: pl.Series) -> list[Scalar]:
    if column.dtype.is_float() and bool(column.is_infinite().any()):
        message = f"column {column.name!r} holds infinite values: they make no group"
        raise DataError(message, reason="not-finite", column=column.name)
    return cast("list[Scalar]", column.to_list())


def _require_usable(name: str, whole: pl.Series, groups: pl.Series, config: GroupImputerConfig) -> None:
    if config.fallback == "global" and whole[0] is None:
        raise DataError(
            f"column {name!r} has no value to learn from in the training rows; drop it with DropColumns, or choose "
            "fallback 'none'",
            reason="all-null-column",
            column=name,
        )
    if dtype_of(whole.dtype) == "float":
        values = [*whole.to_list(), *groups.to_list()]
        if not all(value is None or math.isfinite(value) for value in values):
            raise DataError(
                f"column {name!r} holds infinite values: they have no {config.strategy}",
                reason="not-finite",
                column=name,
            )
