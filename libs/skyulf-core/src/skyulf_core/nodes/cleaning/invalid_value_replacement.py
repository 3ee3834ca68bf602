"""InvalidValueReplacement: numbers that cannot be, replaced or made missing."""

from __future__ import annotations

import sys
from typing import Literal

import polars as pl
from pydantic import Field, StrictFloat, StrictInt, model_validator

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Lookup, Op, ReplaceOutside

_LARGEST = sys.float_info.max
_RULES: dict[str, tuple[float | None, float | None]] = {
    "negative": (0.0, None), "percentage": (0.0, 100.0), "age": (0.0, 120.0), "inf": (-_LARGEST, _LARGEST),
}  # fmt: skip


class InvalidValueReplacementConfig(NodeConfig):
    """Which numbers are invalid, and what stands for them."""

    columns: ColumnNames | None = columns_field("all integer and float columns")
    rule: Literal["negative", "zero", "range", "percentage", "age", "inf"] = Field(
        default="negative",
        title="Rule",
        description="Invalid are: numbers below 0; 0; those outside of low to high, 0 to 100, 0 to 120; infinite ones.",
    )
    low: float | None = Field(
        default=None,
        allow_inf_nan=False,
        title="Low",
        description="Smallest valid number; left out: none.",
        json_schema_extra={"x-visible-if": {"rule": "range"}},
    )
    high: float | None = Field(
        default=None,
        allow_inf_nan=False,
        title="High",
        description="Largest valid number; left out: none.",
        json_schema_extra={"x-visible-if": {"rule": "range"}},
    )
    replacement: StrictInt | StrictFloat | None = Field(
        default=None, title="Replacement", description="What stands for an invalid number; left out: it is missing."
    )

    @model_validator(mode="after")
    def _bounded(self) -> InvalidValueReplacementConfig:
        given = self.low is not None or self.high is not None
        if given is not (self.rule == "range"):
            raise ValueError("low and high are for rule 'range', which needs one of them at least")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low must not be larger than high")
        if self.replacement is not None and not abs(self.replacement) <= 2**53:
            raise ValueError("replacement must lie between -2**53 and 2**53")
        return self

    def bounds(self) -> tuple[float | None, float | None]:
        """Return the smallest and largest valid number; None: no bound."""
        return _RULES.get(self.rule, (self.low, self.high))


class InvalidValueReplacementApplier(LazyApplier):
    """Replaces invalid numbers; nulls stay null."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with valid numbers."""
        known = frame.collect_schema()
        return frame.with_columns(_valid(name, known[name], params) for name in params.strings("columns"))

    def plan(self, params: Params) -> list[Op]:
        """Return one replace_outside operation, or a lookup for zeros."""
        columns, value = tuple(params.strings("columns")), params.scalars("replacement")[0]
        if params.flag("zero"):
            table, nothing = (((0,),) * len(columns), ((value,),) * len(columns)), (None,) * len(columns)
            return [Lookup(columns=columns, keys=table[0], values=table[1], default=nothing, keep_unknown=True)]
        low, high = _bounds(params)
        return [
            ReplaceOutside(
                columns=columns,
                lower=(low,) * len(columns),
                upper=(high,) * len(columns),
                values=(value if isinstance(value, int | float) else None,) * len(columns),
            )
        ]


def _bounds(params: Params) -> tuple[float | None, float | None]:
    low, high = (float(value) if isinstance(value, int | float) else None for value in params.scalars("bounds"))
    return low, high


def _valid(name: str, dtype: pl.DataType, params: Params) -> pl.Expr:
    value, column = params.scalars("replacement")[0], pl.col(name)
    if isinstance(value, float) or not dtype.is_integer():
        wanted: pl.DataType = pl.Float64()
    else:
        wanted = pl.UInt64() if dtype == pl.UInt64 and (value is None or int(value) >= 0) else pl.Int64()
    number, (low, high) = column.cast(pl.Float64), _bounds(params)
    invalid = number == 0.0 if params.flag("zero") else pl.lit(False)
    invalid = invalid if low is None else invalid | (number < low)
    invalid = invalid if high is None else invalid | (number > high)
    return pl.when(invalid).then(pl.lit(value, wanted)).otherwise(column.cast(wanted, strict=False)).alias(name)


@NodeRegistry.register("InvalidValueReplacement", InvalidValueReplacementApplier)
class InvalidValueReplacementCalculator(StreamingCalculator[InvalidValueReplacementConfig]):
    """Make numbers missing that cannot be: negative, zero, infinite, outside of a range.

    The bounds of a range are valid themselves. Missing values stay missing. A replacement with a fraction makes floats
    of whole numbers; it need not be valid itself.

    >>> data = pl.DataFrame({"age": [34, -1, 999, None]})
    >>> params = InvalidValueReplacementCalculator().fit(data, InvalidValueReplacementConfig(rule="age"))
    >>> InvalidValueReplacementApplier().apply(data, params)["age"].to_list()
    [34, None, None, None]

    >>> InvalidValueReplacementConfig(rule="range")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: ...
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("invalid", "impossible", "negative", "zero", "infinite", "range", "age", "percentage", "sentinel")
    examples = (
        {},
        {"columns": ["count", "number"], "rule": "zero", "replacement": -1},
        {"columns": ["number", "count"], "rule": "range", "low": 1, "high": 30.5, "replacement": 0.5},
        {"columns": ["number"], "rule": "percentage", "replacement": 50},
        {"columns": ["number", "count"], "rule": "age"},
        {"rule": "inf"},
    )
    accepts = NUMERIC
    reference = "pandas.Series.mask where the rule holds"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: InvalidValueReplacementConfig) -> Params:
        """Keep the columns and the bounds."""
        return Params(
            columns=chosen_lazy(frame, config.columns, NUMERIC),
            bounds=list(config.bounds()),
            zero=config.rule == "zero",
            replacement=[config.replacement],
        )

    def infer_schema(self, schema: Schema, config: InvalidValueReplacementConfig) -> Schema:
        """Return the schema, nullable where invalid numbers are missing."""
        columns = chosen(config.columns, schema, NUMERIC)
        nullable = True if config.replacement is None else None
        dtype: Literal["float"] | None = "float" if isinstance(config.replacement, float) else None
        return schema.change(columns, nullable=nullable, dtype=dtype)
