"""PolynomialFeatures: products and powers of columns."""

from __future__ import annotations

import functools
import math
from collections import Counter
from itertools import combinations, combinations_with_replacement

from pydantic import Field

from skyulf_core.nodes.base import Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, columns_field, free_name
from skyulf_core.nodes.features.computed import ComputedApplier
from skyulf_core.nodes.features.computing import ComputingCalculator, require_few
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, Schema
from skyulf_core.serving.ops.expressions import Tree

_MOST = 2000


class PolynomialFeaturesConfig(NodeConfig):
    """Which products to make."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    degree: int = Field(default=2, ge=1, le=4, title="Degree", description="Factors of a product at most.")
    interaction_only: bool = Field(
        default=False, title="Interactions only", description="No powers: a column is at most once in a product."
    )
    include_bias: bool = Field(default=False, title="Bias", description="Add a column `1` of ones.")


class PolynomialFeaturesApplier(ComputedApplier):
    """Multiplies."""


@NodeRegistry.register("PolynomialFeatures", PolynomialFeaturesApplier)
class PolynomialFeaturesCalculator(ComputingCalculator[PolynomialFeaturesConfig]):
    """Add the products and powers of columns up to a degree.

    Names, order and values as scikit-learn's: `a^2`, `a b`. The columns themselves stay as they are; the products
    follow at the end of the frame. A missing factor gives a missing product (scikit-learn refuses missing values), and
    so does an overflow. `include_bias` is off where left out: models have an intercept of their own.

    >>> import polars as pl
    >>> data = pl.DataFrame({"a": [2, 3], "b": [5.0, None]})
    >>> params = PolynomialFeaturesCalculator().fit(data, PolynomialFeaturesConfig())
    >>> PolynomialFeaturesApplier().apply(data, params).to_dict(as_series=False)
    {'a': [2, 3], 'b': [5.0, None], 'a^2': [4.0, 9.0], 'a b': [10.0, None], 'b^2': [25.0, None]}

    >>> wide = pl.DataFrame({f"c{i}": [1.0] for i in range(100)})
    >>> PolynomialFeaturesCalculator().fit(wide, PolynomialFeaturesConfig())
    Traceback (most recent call last):
    skyulf_core.problems.DataError: PolynomialFeatures would make 5050 columns, more than 2000; name fewer columns
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("polynomial", "power", "square", "product", "interaction", "degree")
    examples = (
        {"columns": ["number", "count", "price"]},
        {"columns": ["number", "count"], "degree": 4, "include_bias": True},
        {"columns": ["number", "count", "flag", "lat"], "degree": 3, "interaction_only": True},
        {"columns": ["number"], "degree": 1},
        {"columns": []},
    )
    accepts = NUMBER_LIKE
    reference = "sklearn.preprocessing.PolynomialFeatures"

    def outputs(self, schema: Schema, config: PolynomialFeaturesConfig) -> list[tuple[str, Tree]]:
        """Return the products of two factors and more."""
        names = chosen(config.columns, schema, NUMERIC)
        choose = combinations if config.interaction_only else combinations_with_replacement
        counted = _count(len(names), config)
        require_few(counted, _MOST, "PolynomialFeatures")
        taken = set(schema.names)
        made: list[tuple[str, Tree]] = [(free_name("1", taken), ("lit", 1.0))] if config.include_bias and names else []
        for degree in range(2, config.degree + 1):
            made += [(free_name(_name(factors), taken), _product(factors)) for factors in choose(names, degree)]
        return made


def _count(columns: int, config: PolynomialFeaturesConfig) -> int:
    degrees = range(2, config.degree + 1)
    if config.interaction_only:
        return sum(math.comb(columns, degree) for degree in degrees)
    return sum(math.comb(columns + degree - 1, degree) for degree in degrees)


def _name(factors: tuple[str, ...]) -> str:
    return " ".join(name if power == 1 else f"{name}^{power}" for name, power in Counter(factors).items())


def _product(factors: tuple[str, ...]) -> Tree:
    """Multiply from the last factor on, as scikit-learn does."""
    columns: list[Tree] = [("col", name) for name in reversed(factors)]
    return functools.reduce(lambda product, factor: ("mul", product, factor), columns)
