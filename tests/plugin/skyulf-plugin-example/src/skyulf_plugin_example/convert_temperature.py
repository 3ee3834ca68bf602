"""ConvertTemperature: degrees of one scale as degrees of another."""

from __future__ import annotations

from typing import Literal, TypeAlias

import polars as pl
from pydantic import Field
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Affine, Op

Unit: TypeAlias = Literal["celsius", "fahrenheit", "kelvin"]

# what 0 °C is on a scale, and how many of its degrees are one of Celsius
_SCALES: dict[str, tuple[float, float]] = {"celsius": (0.0, 1.0), "fahrenheit": (32.0, 1.8), "kelvin": (273.15, 1.0)}


class ConvertTemperatureConfig(NodeConfig):
    """Which columns are converted, and how."""

    columns: ColumnNames = Field(
        title="Columns", description="Columns that hold temperatures.", json_schema_extra={"x-widget": "columns"}
    )
    from_unit: Unit = Field(default="fahrenheit", title="From", description="The unit that the values are in.")
    to_unit: Unit = Field(default="celsius", title="To", description="The unit that comes out.")


class ConvertTemperatureApplier(LazyApplier):
    """Computes `(x - offset) / scale`."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the converted columns as floats; nulls stay null."""
        offset, scale = params.numbers("line")
        return frame.with_columns(
            (pl.col(name).cast(pl.Float64) - offset) / scale for name in params.strings("columns")
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one affine operation."""
        columns, (offset, scale) = tuple(params.strings("columns")), params.numbers("line")
        return [Affine(columns=columns, offsets=(offset,) * len(columns), scales=(scale,) * len(columns))]


@NodeRegistry.register("ConvertTemperature", ConvertTemperatureApplier)
class ConvertTemperatureCalculator(StreamingCalculator[ConvertTemperatureConfig]):
    """Convert temperatures between Celsius, Fahrenheit and Kelvin.

    >>> data = pl.DataFrame({"outside": [32, 212, None]})
    >>> params = ConvertTemperatureCalculator().fit(data, ConvertTemperatureConfig(columns=["outside"]))
    >>> ConvertTemperatureApplier().apply(data, params)["outside"].to_list()
    [0.0, 100.0, None]

    >>> ConvertTemperatureCalculator().fit(data, ConvertTemperatureConfig(columns=["inside"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'inside'; the columns are: 'outside'
    """

    family = "features"
    kind = Kind.STATELESS
    keywords = ("temperature", "unit", "celsius", "fahrenheit", "kelvin")
    examples = ({"columns": ["number", "count"]}, {"columns": ["price"], "to_unit": "kelvin"}, {"columns": []})
    accepts = NUMERIC
    reference = "C = (F - 32) / 1.8 and K = C + 273.15"

    def learn(self, frame: pl.LazyFrame, config: ConvertTemperatureConfig) -> Params:
        """Keep the columns and the line between the two scales."""
        (zero, step), (new_zero, new_step) = _SCALES[config.from_unit], _SCALES[config.to_unit]
        scale = step / new_step
        return Params(columns=chosen_lazy(frame, config.columns, NUMERIC), line=[zero - new_zero * scale, scale])

    def infer_schema(self, schema: Schema, config: ConvertTemperatureConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        return schema.change(chosen(config.columns, schema, NUMERIC), dtype="float")
