"""FrequencyEncoder: how often a category occurs in the training rows."""

from __future__ import annotations

from typing import cast

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.encoding.categories import ENCODABLE, count_categories, value_of
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.schema import TEXT, Schema
from skyulf_core.serving.ops import Lookup, Op


class FrequencyEncoderConfig(NodeConfig):
    """What to write for a category."""

    columns: ColumnNames | None = columns_field("all text columns")
    normalize: bool = Field(
        default=True, title="Shares", description="Write the share of the training rows instead of their number."
    )
    unseen_value: float = Field(
        default=0.0,
        ge=0.0,
        allow_inf_nan=False,
        title="Unseen",
        description="Written for a category that training did not see.",
    )


class FrequencyEncoderApplier(LazyApplier):
    """Replaces a category by its frequency."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the frequencies as floats."""
        tables = zip(params.strings("columns"), params.lists("keys"), params.lists("values"), strict=True)
        default, schema = cast("float", params["unseen_value"]), frame.collect_schema()
        return frame.with_columns(
            value_of(name, keys, cast("list[float]", values), default, schema[name]) for name, keys, values in tables
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one lookup operation."""
        columns = tuple(params.strings("columns"))
        return [
            Lookup(
                columns=columns,
                keys=tuple(tuple(keys) for keys in params.lists("keys")),
                values=tuple(tuple(values) for values in params.lists("values")),
                default=(cast("float", params["unseen_value"]),) * len(columns),
            )
        ]


@NodeRegistry.register("FrequencyEncoder", FrequencyEncoderApplier)
class FrequencyEncoderCalculator(StreamingCalculator[FrequencyEncoderConfig]):
    """Replace each category by how often it occurs in the training rows.

    Missing values are counted as a category of their own.

    >>> data = pl.DataFrame({"city": ["Oslo", "Oslo", "Rome", None]})
    >>> params = FrequencyEncoderCalculator().fit(data, FrequencyEncoderConfig())
    >>> FrequencyEncoderApplier().apply(pl.DataFrame({"city": ["Oslo", "Bern", None]}), params)["city"].to_list()
    [0.5, 0.0, 0.25]

    >>> FrequencyEncoderConfig(unseen_value=-1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "encoding"
    kind = Kind.LEARNED
    keywords = ("category", "count", "frequency", "high cardinality")
    reference = "pandas.Series.value_counts(normalize=True, dropna=False)"
    examples = ({}, {"columns": ["plan", "count", "flag"], "normalize": False, "unseen_value": 0.5}, {"columns": []})
    accepts = ENCODABLE

    def learn(self, frame: pl.LazyFrame, config: FrequencyEncoderConfig) -> Params:
        """Count the categories of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, TEXT)
        keys: list[list[Scalar]] = []
        values: list[list[float]] = []
        for counted in count_categories(frame, columns).values():
            keys.append([*counted.values, None] if counted.nulls else counted.values)
            divisor = counted.height if config.normalize else 1
            rows = [*counted.rows, counted.nulls] if counted.nulls else counted.rows
            values.append([count / divisor for count in rows])
        return Params(columns=columns, keys=keys, values=values, unseen_value=config.unseen_value)

    def infer_schema(self, schema: Schema, config: FrequencyEncoderConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, TEXT), dtype="float", nullable=False)
