"""SimpleImputer: missing values replaced by one value per column."""

from __future__ import annotations

import math
from typing import Literal, cast

import polars as pl
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from skyulf_core.data.quantiles import quantiles
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, dtypes_in
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, TEXT, Dtype, Schema
from skyulf_core.serving.ops import Impute, Op

_DEFAULTS: dict[Dtype, Scalar] = {
    "integer": 0, "float": 0, "boolean": False, "string": "missing_value", "category": "missing_value",
}  # fmt: skip


class SimpleImputerConfig(NodeConfig):
    """What to put where a value is missing."""

    columns: ColumnNames | None = columns_field(
        "all numeric columns for mean and median, all numeric, boolean and text columns for most_frequent, "
        "those of the fill value's type for constant"
    )
    strategy: Literal["mean", "median", "most_frequent", "constant"] = Field(
        default="mean", title="Strategy", description="Which value of the training rows stands for a missing one."
    )
    fill_value: StrictBool | StrictInt | StrictFloat | StrictStr | None = Field(
        default=None,
        title="Fill value",
        description="For `constant`. Left out: 0, false or 'missing_value', by the column's type.",
        json_schema_extra={"x-visible-if": {"strategy": "constant"}},
    )

    def accepted(self) -> frozenset[Dtype]:
        """Return the types that the strategy can fill."""
        if self.strategy in ("mean", "median"):
            return NUMERIC
        if self.strategy == "most_frequent" or self.fill_value is None:
            return NUMBER_LIKE | TEXT
        if isinstance(self.fill_value, bool):
            return frozenset({"boolean"})
        return TEXT if isinstance(self.fill_value, str) else NUMERIC

    def makes_float(self, dtype: Dtype) -> bool:
        """Say whether integers become floats."""
        fraction = self.strategy == "constant" and isinstance(self.fill_value, float)
        return dtype == "integer" and (fraction or self.strategy in ("mean", "median"))


class SimpleImputerApplier(LazyApplier):
    """Puts the learned value where a column is null."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame without nulls in these columns."""
        schema = frame.collect_schema()
        pairs = zip(params.strings("columns"), params.scalars("values"), strict=True)
        return frame.with_columns(_filled(name, fill, schema[name]) for name, fill in pairs)

    def plan(self, params: Params) -> list[Op]:
        """Return one impute operation."""
        return [Impute(columns=tuple(params.strings("columns")), values=tuple(params.scalars("values")))]


def _filled(name: str, fill: Scalar, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(fill, float) or dtype == pl.Float32:
        column = column.cast(pl.Float64)
    return column.fill_null(pl.lit(fill))


@NodeRegistry.register("SimpleImputer", SimpleImputerApplier)
class SimpleImputerCalculator(StreamingCalculator[SimpleImputerConfig]):
    """Replace missing values by the mean, median, most frequent value or a constant of each column.

    Of several most frequent values the smallest is taken. A column without any value cannot be learned from.

    >>> data = pl.DataFrame({"age": [30, None, 40], "plan": ["a", None, "a"]})
    >>> node = SimpleImputerCalculator()
    >>> params = node.fit(data, SimpleImputerConfig(strategy="median"))
    >>> SimpleImputerApplier().apply(data, params)["age"].to_list()
    [30.0, 35.0, 40.0]

    >>> node.fit(data, SimpleImputerConfig(columns=["agee"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'agee'; the columns are: 'age', 'plan'
    """

    family = "imputation"
    kind = Kind.LEARNED
    keywords = ("missing", "null", "nan", "fill", "mean", "median", "mode")
    examples = (
        {"strategy": "mean"},
        {"strategy": "median", "columns": ["number", "count"]},
        {"strategy": "most_frequent"},
        {"strategy": "constant"},
        {"strategy": "constant", "columns": ["number", "count"], "fill_value": 0.5},
        {"strategy": "constant", "columns": ["plan"], "fill_value": "none"},
        {"columns": []},
    )

    reference = "sklearn.impute.SimpleImputer"

    def check(self, schema: Schema, config: SimpleImputerConfig) -> list[Problem]:
        """Refuse columns that the strategy cannot fill, and a fill value without its strategy."""
        problems = []
        if config.fill_value is not None and config.strategy != "constant":
            message = f"fill_value is used by strategy 'constant' only, not by {config.strategy!r}."
            problems.append(Problem("/fill_value", message, "unused-field", suggestion="Remove it."))
        for index, name in enumerate(config.columns or ()):
            column = schema.find(name)
            if column is not None and column.dtype not in config.accepted():
                message = f"Column {name!r} is {column.dtype}; strategy {config.strategy!r} cannot fill it."
                problems.append(
                    Problem(f"/columns/{index}", message, "wrong-type", suggestion=_alternative(config, column.dtype))
                )
        return problems

    def learn(self, frame: pl.LazyFrame, config: SimpleImputerConfig) -> Params:
        """Learn one value per column, all in one query."""
        columns = chosen_lazy(frame, config.columns, config.accepted())
        if config.strategy == "constant":
            schema = dtypes_in(pl.DataFrame(schema=frame.collect_schema()))
            values = [_constant(schema, name, config) for name in columns]
        elif config.strategy == "median":
            values = list(quantiles(frame, [(name, 0.5) for name in columns]))
        else:
            found = frame.select(_statistic(name, config.strategy) for name in columns)
            values = list(found.collect().row(0)) if columns else []
        for name, value in zip(columns, values, strict=True):
            if value is None:
                raise DataError(
                    f"column {name!r} has no value to learn from in the training rows; drop it with DropColumns, "
                    "or fill it with strategy 'constant'",
                    reason="all-null-column",
                    column=name,
                )
            if isinstance(value, float) and not math.isfinite(value):
                raise DataError(
                    f"column {name!r} holds infinite values: they have no {config.strategy}",
                    reason="not-finite",
                    column=name,
                )
        return Params(columns=columns, values=values)

    def infer_schema(self, schema: Schema, config: SimpleImputerConfig) -> Schema:
        """Return the schema without nulls in the chosen columns."""
        columns = chosen(config.columns, schema, config.accepted())
        floats = [c.name for c in schema if c.name in columns and config.makes_float(c.dtype)]
        return schema.change(columns, nullable=False).change(floats, dtype="float")


def _statistic(name: str, strategy: str) -> pl.Expr:
    column = pl.col(name)
    return column.mean() if strategy == "mean" else column.drop_nulls().mode().min().alias(name)


def _constant(schema: Schema, name: str, config: SimpleImputerConfig) -> Scalar:
    if config.fill_value is not None:
        return cast("Scalar", config.fill_value)
    column = schema.find(name)
    return _DEFAULTS[column.dtype if column else "float"]


def _alternative(config: SimpleImputerConfig, dtype: Dtype) -> str:
    if dtype in NUMBER_LIKE | TEXT and config.strategy != "constant":
        return "Use 'most_frequent' or 'constant'."
    return "Name columns of another type, or another fill value."
