"""FeatureInteraction: columns taken together, as products of numbers or crosses of categories."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, columns_field, free_name
from skyulf_core.nodes.features.computed import ComputedApplier
from skyulf_core.nodes.features.computing import ComputingCalculator, require_few
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.problems import Problem
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, TEXT, Schema
from skyulf_core.serving.ops.expressions import Tree

_MOST = 1000


class FeatureInteractionConfig(NodeConfig):
    """Which columns to take together."""

    columns: ColumnNames | None = columns_field(
        "where no interactions are named either: all numeric columns for product, all text columns for cross"
    )
    interactions: list[Annotated[ColumnNames, Field(min_length=2, max_length=6)]] | None = Field(
        default=None,
        title="Interactions",
        description="Lists of columns, one new column each. Left out: every pair of the columns.",
        json_schema_extra={"x-widget": "columns"},
    )
    method: Literal["product", "cross"] = Field(
        default="product",
        title="Method",
        description="Numbers are multiplied; categories are joined to a text (`Oslo_pro`).",
    )
    separator: str = Field(
        default="_",
        max_length=10,
        title="Separator",
        description="Stands between the categories of a cross.",
        json_schema_extra={"x-visible-if": {"method": "cross"}},
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of both fields."""
        yield from super().named_columns()
        for index, names in enumerate(self.interactions or ()):
            for position, name in enumerate(names):
                yield f"/interactions/{index}/{position}", name

    def groups(self, schema: Schema) -> list[tuple[str, ...]]:
        """Return the lists of columns that are taken together."""
        wanted = NUMERIC if self.method == "product" else TEXT
        named = [tuple(names) for names in self.interactions or ()]
        if self.columns is None and self.interactions is not None:
            return named
        columns = chosen(self.columns, schema, wanted)
        require_few(len(named) + len(columns) * (len(columns) - 1) // 2, _MOST, "FeatureInteraction")
        return [*named, *combinations(columns, 2)]


class FeatureInteractionApplier(ComputedApplier):
    """Multiplies or joins."""


@NodeRegistry.register("FeatureInteraction", FeatureInteractionApplier)
class FeatureInteractionCalculator(ComputingCalculator[FeatureInteractionConfig]):
    """Multiply numbers, or join categories, of pairs or lists of columns.

    Columns are named `<a>_x_<b>`, at the end of the frame. A missing value gives a missing result.

    >>> import polars as pl
    >>> data = pl.DataFrame({"city": ["Oslo", "Rome"], "plan": ["pro", None]})
    >>> params = FeatureInteractionCalculator().fit(data, FeatureInteractionConfig(method="cross"))
    >>> FeatureInteractionApplier().apply(data, params)["city_x_plan"].to_list()
    ['Oslo_pro', None]

    >>> FeatureInteractionCalculator().fit(data, FeatureInteractionConfig(interactions=[["city", "town"]]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'town'; the columns are: 'city', 'plan'
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("interaction", "cross", "product", "combine", "pairs")
    examples = (
        {"columns": ["number", "count", "flag"]},
        {"interactions": [["number", "price", "lat"], ["count", "same"]]},
        {"method": "cross", "interactions": [["city", "plan"]], "columns": ["plan", "digits"], "separator": " | "},
        {"method": "cross"},
        {"columns": []},
    )
    accepts = NUMBER_LIKE | TEXT
    reference = "numpy's product; the texts joined by str.join"

    def outputs(self, schema: Schema, config: FeatureInteractionConfig) -> list[tuple[str, Tree]]:
        """Return one column per list."""
        groups = config.groups(schema)
        require_few(len(groups), _MOST, "FeatureInteraction")
        taken = set(schema.names)
        return [(free_name("_x_".join(names), taken), _together(names, config)) for names in groups]

    def check(self, schema: Schema, config: FeatureInteractionConfig) -> list[Problem]:
        """Refuse texts in a product, and numbers in a cross."""
        problems = super().check(schema, config)
        wanted = NUMBER_LIKE if config.method == "product" else TEXT
        other = "Use method 'cross'." if config.method == "product" else "Turn it into a text with Casting."
        for pointer, name in config.named_columns():
            column = schema.find(name)
            if column is not None and column.dtype in (NUMBER_LIKE | TEXT) - wanted:
                message = f"Column {name!r} is {column.dtype}; method {config.method!r} cannot take it."
                problems.append(Problem(pointer, message, "wrong-type", suggestion=other))
        return problems


def _together(names: tuple[str, ...], config: FeatureInteractionConfig) -> Tree:
    columns: list[Tree] = [("col", name) for name in names]
    if config.method == "product":
        return functools.reduce(lambda product, factor: ("mul", product, factor), columns)
    separated = [part for column in columns for part in (column, ("lit", config.separator))]
    return ("concat", *separated[:-1])
