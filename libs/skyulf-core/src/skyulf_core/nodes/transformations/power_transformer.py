"""PowerTransformer: skewed numbers made nearly normal."""

from __future__ import annotations

from typing import cast

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.transformations.functions import DomainConfig, FunctionApplier, PowerName
from skyulf_core.nodes.transformations.powers import learn_power
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op, Power
from skyulf_core.serving.ops.transforms import OnDomain


class PowerTransformerConfig(DomainConfig):
    """Which family of powers to choose from."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    method: PowerName = Field(
        default="yeo-johnson",
        title="Method",
        description="Yeo and Johnson's takes all numbers, Box and Cox' those above 0 only.",
    )
    standardize: bool = Field(
        default=True, title="Standardise", description="Bring what comes out to mean 0 and standard deviation 1."
    )


class PowerTransformerApplier(FunctionApplier):
    """Applies the learned powers, and then scales."""

    def plan(self, params: Params) -> list[Op]:
        """Return a power operation, and an affine one where it is standardised."""
        columns = tuple(params.strings("columns"))
        on_error, method = cast("OnDomain", params.text("on_error")), cast("PowerName", params.text("method"))
        ops: list[Op] = [Power(columns, tuple(params.numbers("lambdas")), method, on_error)]
        if params.flag("standardize"):
            ops.append(Affine(columns, tuple(params.numbers("means")), tuple(params.numbers("scales"))))
        return ops


@NodeRegistry.register("PowerTransformer", PowerTransformerApplier)
class PowerTransformerCalculator(Calculator[PowerTransformerConfig]):
    """Make skewed numbers nearly normal with a power that is learned for each column.

    The power is the one of the greatest likelihood, as scipy finds it for the sorted values, so that the order of rows
    teaches nothing. scikit-learn takes them as they come: sums round otherwise, and Brent's search ends elsewhere on
    the flat top, where likelihoods differ by less than 1e-11. On real tables the standardised values then differ by up
    to 2e-7, those not standardised by up to 3e-7 of one plus themselves. On sorted values both agree to 1e-9. A
    constant column keeps power 1, one without values stays as it is. With `on_error: fail` a new value without a finite
    result is refused: for Box-Cox all that is not above 0.

    >>> data = pl.DataFrame({"income": [1.0, 2.0, 4.0, 8.0, 16.0]})
    >>> config = PowerTransformerConfig(method="box-cox", standardize=False)
    >>> params = PowerTransformerCalculator().fit(data, config)
    >>> [round(x, 3) + 0.0 for x in PowerTransformerApplier().apply(data, params)["income"]]
    [0.0, 0.693, 1.386, 2.079, 2.773]

    >>> PowerTransformerCalculator().fit(pl.DataFrame({"income": [0.0, 2.0]}), config)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'income' holds 0.0: box-cox works on numbers above 0; use yeo-johnson
    """

    family = "transformations"
    kind = Kind.LEARNED
    keywords = ("skew", "normal", "gaussian", "yeo-johnson", "box-cox", "log")
    examples = (
        {},
        {"columns": ["price", "same"], "method": "box-cox"},
        {"columns": ["number", "count"], "standardize": False, "on_error": "null"},
        {"columns": ["price"], "method": "box-cox", "standardize": False, "on_error": "null"},
        {"columns": []},
    )
    accepts = NUMERIC
    reference = "sklearn.preprocessing.PowerTransformer"
    tolerance = 1e-6

    def fit(self, data: pl.DataFrame, config: PowerTransformerConfig) -> Params:
        """Learn the power of every column, and mean and deviation of what it gives."""
        columns = chosen_from(data, config.columns, NUMERIC)
        found = [learn_power(data[name], config.method, standardize=config.standardize) for name in columns]
        return Params(
            columns=columns,
            lambdas=[power.lmbda for power in found],
            means=[power.mean for power in found],
            scales=[power.scale for power in found],
            method=config.method,
            standardize=config.standardize,
            on_error=config.on_error,
        )

    def infer_schema(self, schema: Schema, config: PowerTransformerConfig) -> Schema:
        """Return the schema with floats in the chosen columns, which may become null."""
        columns = chosen(config.columns, schema, NUMERIC)
        schema = schema.change(columns, dtype="float")
        return schema.change(columns, nullable=True) if config.on_error == "null" else schema
