"""Ratio: columns divided by others."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, free_name
from skyulf_core.nodes.features.computed import ComputedApplier
from skyulf_core.nodes.features.computing import ComputingCalculator, require_few
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.schema import NUMBER_LIKE, Schema
from skyulf_core.serving.ops.expressions import Tree

_MOST = 1000


class RatioConfig(NodeConfig):
    """What to divide by what."""

    numerators: ColumnNames = Field(
        min_length=1,
        title="Numerators",
        description="Columns that are divided.",
        json_schema_extra={"x-widget": "columns"},
    )
    denominators: ColumnNames = Field(
        min_length=1,
        title="Denominators",
        description="Columns to divide by; every numerator is divided by each of them.",
        json_schema_extra={"x-widget": "columns"},
    )
    epsilon: float = Field(
        default=0.0,
        ge=0.0,
        allow_inf_nan=False,
        title="Epsilon",
        description="A denominator nearer to zero counts as this, with its sign. 0: a division by zero is missing.",
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield numerators and denominators."""
        for field, names in (("numerators", self.numerators), ("denominators", self.denominators)):
            for index, name in enumerate(names):
                yield f"/{field}/{index}", name


class RatioApplier(ComputedApplier):
    """Divides."""


@NodeRegistry.register("Ratio", RatioApplier)
class RatioCalculator(ComputingCalculator[RatioConfig]):
    """Divide every numerator by every denominator.

    Columns are named `<numerator>_div_<denominator>`; a column is not divided by itself. Values as those of
    feature_engine.creation.RelativeFeatures with `div`, which refuses missing values and zeros where ours gives null.

    >>> import polars as pl
    >>> data = pl.DataFrame({"debt": [10.0, 8.0], "income": [4.0, 0.0]})
    >>> params = RatioCalculator().fit(data, RatioConfig(numerators=["debt"], denominators=["income"]))
    >>> RatioApplier().apply(data, params)["debt_div_income"].to_list()
    [2.5, None]

    >>> RatioConfig(numerators=["debt"], denominators=["income"], epsilon=-1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("ratio", "divide", "quotient", "share", "relative", "per")
    examples = (
        {"numerators": ["number"], "denominators": ["count"]},
        {"numerators": ["number", "price"], "denominators": ["count", "price", "flag"], "epsilon": 0.5},
        {"numerators": ["large"], "denominators": ["number"], "epsilon": 1e-300},
    )
    accepts = NUMBER_LIKE
    reference = "feature_engine.creation.RelativeFeatures"

    def outputs(self, schema: Schema, config: RatioConfig) -> list[tuple[str, Tree]]:
        """Return one column per pair."""
        pairs = [(over, under) for over in config.numerators for under in config.denominators if over != under]
        require_few(len(pairs), _MOST, "Ratio")
        taken = set(schema.names)
        return [
            (free_name(f"{over}_div_{under}", taken), ("div", ("col", over), _away_from_zero(under, config.epsilon)))
            for over, under in pairs
        ]


def _away_from_zero(name: str, epsilon: float) -> Tree:
    column: Tree = ("col", name)
    if not epsilon:
        return column
    smallest = ("if", ("lt", column, ("lit", 0.0)), ("lit", -epsilon), ("lit", epsilon))
    return ("if", ("lt", ("abs", column), ("lit", epsilon)), smallest, column)
