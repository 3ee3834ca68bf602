"""GeneralTransformation: a function of its own for each column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, cast, get_args

import polars as pl
from pydantic import Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import Calculator, Kind
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.transformations.functions import DomainConfig, FunctionApplier, FunctionName, PowerName
from skyulf_core.nodes.transformations.powers import learn_power
from skyulf_core.params import Params
from skyulf_core.problems import pointer_part
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op, Power, Transform
from skyulf_core.serving.ops.transforms import OnDomain

_POWERS: tuple[PowerName, ...] = get_args(PowerName)


class GeneralTransformationConfig(DomainConfig):
    """Which function each column gets."""

    transformations: dict[Annotated[str, Field(min_length=1)], FunctionName | PowerName] = Field(
        title="Functions",
        description="Column name to function: log1p, sqrt, cbrt, reciprocal, square, exp, or a power that is learned: "
        "yeo-johnson, box-cox.",
        json_schema_extra={"x-widget": "column-map"},
    )
    standardize: bool = Field(
        default=True,
        title="Standardise powers",
        description="Bring what a learned power gives to mean 0 and standard deviation 1.",
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns that have a function."""
        for name in self.transformations:
            yield f"/transformations/{pointer_part(name)}", name


class GeneralTransformationApplier(FunctionApplier):
    """Applies each column's function."""

    def plan(self, params: Params) -> list[Op]:
        """Return a transform operation, and a power one for each method, each followed by its scaling."""
        on_error = cast("OnDomain", params.text("on_error"))
        columns = tuple(params.strings("columns"))
        ops: list[Op] = [Transform(columns, tuple(params.strings("functions")), on_error)] if columns else []
        for method in _POWERS:
            learned = [item for item in params.items_of("powers") if item["method"] == method]
            names = tuple(str(item["column"]) for item in learned)
            lambdas, means, scales = (
                tuple(cast("float", item[key]) for item in learned) for key in ("lambda", "mean", "scale")
            )
            if learned:
                ops += [Power(names, lambdas, method, on_error), Affine(names, means, scales)]
        return ops


@NodeRegistry.register("GeneralTransformation", GeneralTransformationApplier)
class GeneralTransformationCalculator(Calculator[GeneralTransformationConfig]):
    """Apply a function of its own to each column: elementary ones, or a power that is learned.

    The rules are those of SimpleTransformation and PowerTransformer: a value without a finite result is refused, or
    becomes missing with `on_error: null`.

    >>> data = pl.DataFrame({"area": [4.0, 9.0], "rooms": [1.0, 3.0]})
    >>> config = GeneralTransformationConfig(transformations={"area": "sqrt", "rooms": "square"})
    >>> params = GeneralTransformationCalculator().fit(data, config)
    >>> GeneralTransformationApplier().apply(data, params).to_dict(as_series=False)
    {'area': [2.0, 3.0], 'rooms': [1.0, 9.0]}

    >>> GeneralTransformationApplier().apply(pl.DataFrame({"area": [-1.0], "rooms": [1.0]}), params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'area': sqrt of -1.0 is not a finite number
    """

    family = "transformations"
    kind = Kind.LEARNED
    keywords = ("log", "sqrt", "power", "yeo-johnson", "box-cox", "per column", "skew")
    examples = (
        {"transformations": {"price": "box-cox", "number": "yeo-johnson", "count": "log1p", "large": "square"}},
        {"transformations": {"number": "sqrt", "lat": "reciprocal", "lon": "exp"}, "on_error": "null"},
        {"transformations": {"count": "yeo-johnson", "large": "cbrt"}, "standardize": False},
        {"transformations": {}},
    )
    accepts = NUMERIC
    reference = "numpy's functions; sklearn.preprocessing.PowerTransformer"

    def fit(self, data: pl.DataFrame, config: GeneralTransformationConfig) -> Params:
        """Learn the powers; keep the functions."""
        require_columns(data, list(config.transformations))
        simple = {name: function for name, function in config.transformations.items() if function not in _POWERS}
        powers: list[dict[str, object]] = []
        for name, method in config.transformations.items():
            if method == "yeo-johnson" or method == "box-cox":
                found = learn_power(data[name], method, standardize=config.standardize)
                powers.append(
                    {"column": name, "method": method, "lambda": found.lmbda, "mean": found.mean, "scale": found.scale}
                )
        return Params(columns=list(simple), functions=list(simple.values()), powers=powers, on_error=config.on_error)

    def infer_schema(self, schema: Schema, config: GeneralTransformationConfig) -> Schema:
        """Return the schema with floats in these columns, which may become null."""
        columns = [name for name in schema.names if name in config.transformations]
        schema = schema.change(columns, dtype="float")
        return schema.change(columns, nullable=True) if config.on_error == "null" else schema
