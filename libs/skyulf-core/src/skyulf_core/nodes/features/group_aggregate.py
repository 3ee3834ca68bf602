"""GroupAggregate: statistics of the group that a row belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.data.frames import dtype_of, require_columns
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, free_name
from skyulf_core.nodes.features.group_statistics import group_statistics
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMBER_LIKE, TEXT, ColumnSchema, Dtype, Schema
from skyulf_core.serving.ops import GroupLookup, Op

Aggregation: TypeAlias = Literal["mean", "sum", "count", "min", "max", "std", "median"]

_MOST_GROUPS = 1_000_000
_KEYS: frozenset[Dtype] = TEXT | {"integer", "boolean"}


class GroupAggregateConfig(NodeConfig):
    """What to learn of each group."""

    group_by: ColumnNames = Field(
        min_length=1,
        max_length=5,
        title="Group by",
        description="Columns that make a group together: texts, integers or booleans. Missing is a value of its own.",
        json_schema_extra={"x-widget": "columns"},
    )
    column: str = Field(title="Column", description="Numbers to aggregate.", json_schema_extra={"x-widget": "column"})
    aggregations: list[Aggregation] = Field(
        default=["mean"],
        min_length=1,
        title="Aggregations",
        description="One new column each. std divides by n - 1; count counts the values that are not missing.",
    )
    fallback: Literal["global", "null", "constant"] = Field(
        default="global",
        title="Fallback",
        description="For a group that training did not see, or that has no such value: the aggregation of all training "
        "rows, nothing, or a constant.",
    )
    fill_value: Annotated[float, Field(allow_inf_nan=False)] = Field(
        default=0.0,
        title="Fill value",
        description="The constant of the fallback.",
        json_schema_extra={"x-visible-if": {"fallback": "constant"}},
    )

    @model_validator(mode="after")
    def _not_by_itself(self) -> GroupAggregateConfig:
        if self.column in self.group_by:
            raise ValueError("a column cannot be aggregated by groups of itself")
        return self

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the keys and the column."""
        for index, name in enumerate(self.group_by):
            yield f"/group_by/{index}", name
        yield "/column", self.column

    def outputs(self, taken: set[str]) -> list[str]:
        """Return free names for the new columns."""
        by = "_".join(self.group_by)
        return [free_name(f"{self.column}_{name}_by_{by}", taken) for name in dict.fromkeys(self.aggregations)]


class GroupAggregateApplier(LazyApplier):
    """Looks up what was learned of the row's group."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query with the statistics at the end of the frame."""
        keys, outputs = params.strings("group_by"), params.strings("outputs")
        frame = frame.drop(outputs, strict=False)
        schema, groups = frame.collect_schema(), params.lists("groups")
        learned = [pl.Series(key, values, dtype=schema[key]) for key, values in zip(keys, groups, strict=True)]
        table = [pl.Series(out, v, dtype=pl.Float64) for out, v in zip(outputs, params.lists("values"), strict=True)]
        lookup = pl.DataFrame([*learned, *table]).lazy()
        found = frame.join(lookup, on=keys, how="left", nulls_equal=True, maintain_order="left")
        defaults = zip(outputs, params.scalars("default"), strict=True)
        return found.with_columns(pl.col(out).fill_null(pl.lit(fill, pl.Float64)) for out, fill in defaults)

    def plan(self, params: Params) -> list[Op]:
        """Return one group_lookup operation."""
        return [
            GroupLookup(
                columns=tuple(params.strings("group_by")),
                groups=tuple(zip(*params.lists("groups"), strict=True)),
                outputs=tuple(params.strings("outputs")),
                values=tuple(tuple(values) for values in params.lists("values")),
                default=tuple(params.scalars("default")),
            )
        ]


@NodeRegistry.register("GroupAggregate", GroupAggregateApplier)
class GroupAggregateCalculator(StreamingCalculator[GroupAggregateConfig]):
    """Add the mean, sum, count or another statistic of a row's group, learned from the training rows.

    New rows do not change what was learned. Columns are named `<column>_<aggregation>_by_<keys>`. A group without
    the value (the mean of nothing, the standard deviation of one row) follows the fallback as an unseen group does;
    the sum of nothing is 0. A missing key is a group like any other. At most a million groups.

    >>> data = pl.DataFrame({"city": ["Oslo", "Oslo", "Rome"], "fare": [1.0, 3.0, 8.0]})
    >>> config = GroupAggregateConfig(group_by=["city"], column="fare", aggregations=["mean", "count"])
    >>> params = GroupAggregateCalculator().fit(data, config)
    >>> GroupAggregateApplier().apply(pl.DataFrame({"city": ["Oslo", "Bern"]}), params).to_dict(as_series=False)
    {'city': ['Oslo', 'Bern'], 'fare_mean_by_city': [2.0, 4.0], 'fare_count_by_city': [2.0, 3.0]}

    >>> GroupAggregateCalculator().fit(data, GroupAggregateConfig(group_by=["town"], column="fare"))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'town'; the columns are: 'city', 'fare'
    """

    family = "features"
    kind = Kind.LEARNED
    keywords = ("group", "aggregate", "mean", "sum", "count", "median", "group by", "statistics")
    mixes_rows = True
    examples = (
        {"group_by": ["city"], "column": "number"},
        {
            "group_by": ["plan", "flag"],
            "column": "price",
            "aggregations": ["mean", "sum", "count", "min", "max", "std", "median"],
            "fallback": "null",
        },
        {"group_by": ["count"], "column": "flag", "fallback": "constant", "fill_value": -1.0},
        {"group_by": ["digits"], "column": "number", "aggregations": ["std", "median"]},
    )
    accepts = NUMBER_LIKE | TEXT
    reference = "pandas.DataFrame.groupby(dropna=False).agg"

    def check(self, schema: Schema, config: GroupAggregateConfig) -> list[Problem]:
        """Refuse keys that are floats, and texts to aggregate."""
        problems = []
        for index, name in enumerate(config.group_by):
            column = schema.find(name)
            if column is not None and column.dtype == "float":
                message = f"Column {name!r} is float; groups are made of texts, integers or booleans."
                suggestion = "Bin it first, or cast it to an integer."
                problems.append(Problem(f"/group_by/{index}", message, "wrong-type", suggestion=suggestion))
        column = schema.find(config.column)
        if column is not None and column.dtype in TEXT:
            message = f"Column {config.column!r} is {column.dtype}; only numbers have a {config.aggregations[0]}."
            problems.append(Problem("/column", message, "wrong-type"))
        return problems

    def learn(self, frame: pl.LazyFrame, config: GroupAggregateConfig) -> Params:
        """Learn the statistics of every group, and of all rows."""
        schema = frame.collect_schema()
        require_columns(pl.DataFrame(schema=schema), [*config.group_by, config.column])
        _require_types(schema, config)
        outputs = config.outputs(set(schema))
        names: dict[str, str] = dict(zip(dict.fromkeys(config.aggregations), outputs, strict=True))
        by_group, of_all = group_statistics(frame, config.group_by, config.column, names)
        if by_group.height > _MOST_GROUPS:
            message = f"{', '.join(config.group_by)} make {by_group.height:,} groups, more than {_MOST_GROUPS:,}"
            raise DataError(message, reason="too-many-groups", column=config.group_by[0])
        by_group = by_group.sort(config.group_by)
        default: list[Scalar] = [_fallback(of_all[out][0], config) for out in outputs]
        values = [by_group[out].fill_null(pl.lit(d, pl.Float64)) for out, d in zip(outputs, default, strict=True)]
        _require_finite([*values, *of_all.iter_columns()], config.column)
        return Params(
            group_by=config.group_by,
            groups=[by_group[key].to_list() for key in config.group_by],
            outputs=outputs,
            values=[series.to_list() for series in values],
            default=default,
        )

    def infer_schema(self, schema: Schema, config: GroupAggregateConfig) -> Schema:
        """Return the schema with the statistics at its end."""
        nullable = config.fallback != "constant"
        return schema.append(
            ColumnSchema(name, "float", nullable=nullable) for name in config.outputs(set(schema.names))
        )


def _fallback(of_all: float | None, config: GroupAggregateConfig) -> float | None:
    if config.fallback == "constant":
        return config.fill_value
    return of_all if config.fallback == "global" else None


def _require_types(schema: pl.Schema, config: GroupAggregateConfig) -> None:
    wanted = [*((name, _KEYS) for name in config.group_by), (config.column, NUMBER_LIKE)]
    for name, allowed in wanted:
        if dtype_of(schema[name]) not in allowed:
            message = f"column {name!r} is {schema[name]}; keys are texts, integers or booleans, and values are numbers"
            raise DataError(message, reason="wrong-type", column=name)


def _require_finite(columns: list[pl.Series], name: str) -> None:
    if not all(bool(series.is_finite().all()) for series in columns):
        raise DataError(f"column {name!r} holds infinite or too large values", reason="not-finite", column=name)
