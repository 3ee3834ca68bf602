"""ClipValues: values brought into stated bounds."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy, columns_field
from skyulf_core.nodes.outliers.bounds import Bounds
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import pointer_part
from skyulf_core.schema import NUMERIC, Schema
from skyulf_core.serving.ops import Clip, Op

_EXACT = 2.0**53
"""Whole floats up to here are whole numbers of 64 bits too."""


class ClipValuesConfig(NodeConfig):
    """Between which values all others are brought."""

    columns: ColumnNames | None = columns_field("all integer and float columns, for lower and upper")
    lower: float | None = Field(
        default=None, allow_inf_nan=False, title="Lower", description="Smaller values are raised to it; left out: none."
    )
    upper: float | None = Field(
        default=None, allow_inf_nan=False, title="Upper", description="Larger values are lowered to it; left out: none."
    )
    bounds: dict[str, Bounds] = Field(
        default={},
        title="Bounds of columns",
        description="Bounds of single columns, used instead of lower and upper.",
        json_schema_extra={"x-widget": "column-map"},
    )

    @model_validator(mode="after")
    def _ordered(self) -> ClipValuesConfig:
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError("lower must not be larger than upper")
        if self.lower is None and self.upper is None and not self.bounds and self.columns != []:
            raise ValueError("lower, upper or bounds are needed")
        return self

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of both fields."""
        yield from super().named_columns()
        for name in self.bounds:
            yield f"/bounds/{pointer_part(name)}", name

    def bounds_of(self, schema: Schema) -> dict[str, tuple[float | None, float | None]]:
        """Return lower and upper bound of every column that is worked on."""
        names: list[str] = []
        if self.lower is not None or self.upper is not None:
            names = schema.of_type(NUMERIC) if self.columns is None else self.columns
        there = set(schema.names)
        found = {name: (self.lower, self.upper) for name in names if name in there}
        return found | {name: (one.lower, one.upper) for name, one in self.bounds.items() if name in there}


class ClipValuesApplier(LazyApplier):
    """Clips at the bounds; nulls stay null."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with clipped columns."""
        known = frame.collect_schema()
        bounds = zip(params.strings("columns"), params.scalars("lower"), params.scalars("upper"), strict=True)
        return frame.with_columns(
            _clipped(name, known[name], _number(low), _number(high)) for name, low, high in bounds
        )

    def plan(self, params: Params) -> list[Op]:
        """Return one clip operation."""
        lower, upper = (tuple(_number(value) for value in params.scalars(side)) for side in ("lower", "upper"))
        return [Clip(columns=tuple(params.strings("columns")), lower=lower, upper=upper)]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _stays_whole(low: float | None, high: float | None) -> bool:
    return all(bound is None or (bound.is_integer() and abs(bound) <= _EXACT) for bound in (low, high))


def _clipped(name: str, dtype: pl.DataType, low: float | None, high: float | None) -> pl.Expr:
    wanted: pl.DataType = pl.Float64()
    if dtype.is_integer() and _stays_whole(low, high):
        unsigned = dtype == pl.UInt64 and (low or 0.0) >= 0.0 and (high or 0.0) >= 0.0
        wanted = pl.UInt64() if unsigned else pl.Int64()
    limits = [None if bound is None else pl.lit(bound).cast(wanted) for bound in (low, high)]
    return pl.col(name).cast(wanted, strict=False).clip(*limits)


@NodeRegistry.register("ClipValues", ClipValuesApplier)
class ClipValuesCalculator(StreamingCalculator[ClipValuesConfig]):
    """Bring values below or above your bounds to them, keeping every row.

    Whole numbers stay whole where the bounds are, else they become floats. Missing values stay missing.

    >>> data = pl.DataFrame({"age": [30, -4, None, 200]})
    >>> params = ClipValuesCalculator().fit(data, ClipValuesConfig(lower=0, upper=120))
    >>> ClipValuesApplier().apply(data, params)["age"].to_list()
    [30, 0, None, 120]

    >>> ClipValuesCalculator().fit(data, ClipValuesConfig(bounds={"agee": {"lower": 0}}))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'agee'; the columns are: 'age'
    """

    family = "outliers"
    kind = Kind.STATELESS
    keywords = ("outlier", "clip", "cap", "limit", "bounds", "range")
    examples = (
        {"lower": 0},
        {"columns": ["count", "number"], "lower": 1.5, "upper": 4},
        {"upper": 6, "bounds": {"number": {"lower": -5, "upper": 30}, "large": {"lower": 1000000.5}}},
        {"bounds": {"count": {"upper": 3}}},
        {"columns": []},
    )
    accepts = NUMERIC
    reference = "pandas.Series.clip"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: ClipValuesConfig) -> Params:
        """Keep the columns and their bounds."""
        chosen_lazy(frame, [name for _, name in config.named_columns()], NUMERIC)
        known = frame.collect_schema()
        schema = Schema.from_dicts([{"name": name, "dtype": dtype_of(dtype)} for name, dtype in known.items()])
        bounds = config.bounds_of(schema)
        return Params(
            columns=list(bounds), lower=[low for low, _ in bounds.values()], upper=[high for _, high in bounds.values()]
        )

    def infer_schema(self, schema: Schema, config: ClipValuesConfig) -> Schema:
        """Return the schema, with floats where a bound has a fraction."""
        fractions = [name for name, (low, high) in config.bounds_of(schema).items() if not _stays_whole(low, high)]
        return schema.change(fractions, dtype="float")
