"""LabelEncoder: a category's place in sorted order, as an integer."""

from __future__ import annotations

from typing import Literal, cast

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.encoding.categories import ENCODABLE, code_of, count_categories, refuse_unseen
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.schema import TEXT, Schema
from skyulf_core.serving.ops import Op, Ordinal


class LabelEncoderConfig(NodeConfig):
    """What to write for a category without a code."""

    columns: ColumnNames | None = columns_field("all text columns")
    handle_unknown: Literal["use_encoded_value", "error"] = Field(
        default="use_encoded_value",
        title="Unknown categories",
        description="A category that training did not see: `unknown_value`, or an error.",
    )
    unknown_value: int | None = Field(
        default=-1,
        le=-1,
        ge=-(2**53),
        title="Unknown value",
        description="Code of a category that training did not see; empty: missing.",
        json_schema_extra={"x-visible-if": {"handle_unknown": "use_encoded_value"}},
    )


class LabelEncoderApplier(LazyApplier):
    """Replaces a category by its code."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the codes as integers."""
        schema, unknown = frame.collect_schema(), cast("int | None", params["unknown_value"])
        missing = cast("list[int | None]", params.scalars("missing_values"))
        return frame.with_columns(
            _code(name, keys, schema[name], unknown, null)
            for name, keys, null in zip(params.strings("columns"), params.lists("categories"), missing, strict=True)
        )

    def fuses(self, params: Params) -> bool:
        """Say no where unknown categories are an error."""
        return params.text("handle_unknown") != "error"

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a category that may not be."""
        refuse_unseen(frame, dict(zip(params.strings("columns"), params.lists("categories"), strict=True)))

    def plan(self, params: Params) -> list[Op]:
        """Return one ordinal operation per column."""
        missing = cast("list[int | None]", params.scalars("missing_values"))
        return [
            Ordinal(
                columns=(name,),
                categories=(tuple(keys),),
                unknown_value=cast("int | None", params["unknown_value"]),
                missing_value=null,
                handle_unknown="use_value" if self.fuses(params) else "error",
            )
            for name, keys, null in zip(params.strings("columns"), params.lists("categories"), missing, strict=True)
        ]


def _code(name: str, keys: list[Scalar], dtype: pl.DataType, unknown: int | None, missing: int | None) -> pl.Expr:
    found = code_of(name, keys, dtype).cast(pl.Int64)
    if unknown is not None:
        found = found.fill_null(unknown)
    if unknown == missing:
        return found.alias(name)
    return pl.when(pl.col(name).is_null()).then(pl.lit(missing, pl.Int64)).otherwise(found).alias(name)


@NodeRegistry.register("LabelEncoder", LabelEncoderApplier)
class LabelEncoderCalculator(StreamingCalculator[LabelEncoderConfig]):
    """Replace each category by an integer from 0, in sorted order.

    Missing values that training saw are a category of their own, the last one, as in scikit-learn; where training saw
    none they get `unknown_value` (with `handle_unknown="error"` they stay missing). Unknown categories are an error in
    scikit-learn, here by choice. A target needs no LabelEncoder: classification models encode their labels themselves,
    and decode their predictions.

    >>> data = pl.DataFrame({"plan": ["pro", "basic", None, "pro"]})
    >>> params = LabelEncoderCalculator().fit(data, LabelEncoderConfig())
    >>> LabelEncoderApplier().apply(pl.DataFrame({"plan": ["pro", "basic", None, "new"]}), params)["plan"].to_list()
    [1, 0, 2, -1]

    >>> params = LabelEncoderCalculator().fit(data, LabelEncoderConfig(handle_unknown="error"))
    >>> LabelEncoderApplier().apply(pl.DataFrame({"plan": ["new"]}), params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'plan': 'new' was not seen in training
    """

    family = "encoding"
    kind = Kind.LEARNED
    keywords = ("category", "label", "codes", "integer", "factorize")
    examples = (
        {},
        {"columns": ["plan", "flag", "count"], "unknown_value": None},
        {"columns": ["city"], "handle_unknown": "error"},
        {"columns": []},
    )
    accepts = ENCODABLE
    reference = "sklearn.preprocessing.LabelEncoder"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: LabelEncoderConfig) -> Params:
        """Learn the categories of every column, in one query."""
        columns = chosen_lazy(frame, config.columns, TEXT)
        counted = count_categories(frame, columns)
        unseen = config.unknown_value if config.handle_unknown == "use_encoded_value" else None
        return Params(
            columns=columns,
            categories=[counted[name].values for name in columns],
            missing_values=[len(counted[name].values) if counted[name].nulls else unseen for name in columns],
            unknown_value=config.unknown_value,
            handle_unknown=config.handle_unknown,
        )

    def infer_schema(self, schema: Schema, config: LabelEncoderConfig) -> Schema:
        """Return the schema with integers in the chosen columns."""
        nullable = config.handle_unknown == "use_encoded_value" and config.unknown_value is None
        return schema.change(chosen(config.columns, schema, TEXT), dtype="integer", nullable=nullable)
