"""OrdinalEncoder: a category's position in an order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, cast

import polars as pl
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field
from skyulf_core.nodes.encoding.categories import ENCODABLE, code_of, count_categories, refuse_unseen, unseen
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import Problem, did_you_mean, pointer_part
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Op, Ordinal


class OrdinalEncoderConfig(NodeConfig):
    """In which order categories are counted."""

    columns: ColumnNames | None = columns_field("all text columns")
    categories_order: dict[str, list[StrictBool | StrictInt | StrictFloat | StrictStr]] = Field(
        default_factory=dict,
        title="Orders",
        description="Categories of a column from low to high. A column that is not listed: sorted order.",
    )
    handle_unknown: Literal["use_encoded_value", "error"] = Field(
        default="use_encoded_value",
        title="Unknown categories",
        description="A category without a place: `unknown_value`, or an error.",
    )
    unknown_value: int | None = Field(
        default=-1,
        le=-1,
        title="Unknown value",
        description="Code of a category without a place; empty: missing.",
        json_schema_extra={"x-visible-if": {"handle_unknown": "use_encoded_value"}},
    )
    missing_value: int | None = Field(
        default=None, le=-1, title="Missing value", description="Code of a missing value; empty: it stays missing."
    )

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of both fields."""
        yield from super().named_columns()
        for name in self.categories_order:
            yield f"/categories_order/{pointer_part(name)}", name


class OrdinalEncoderApplier(LazyApplier):
    """Replaces a category by its position."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the positions as floats."""
        unknown, missing = cast("int | None", params["unknown_value"]), cast("int | None", params["missing_value"])
        schema = frame.collect_schema()
        return frame.with_columns(
            _position(name, keys, schema[name], unknown, missing)
            for name, keys in zip(params.strings("columns"), params.lists("categories"), strict=True)
        )

    def fuses(self, params: Params) -> bool:
        """Say no where unknown categories are an error."""
        return params.text("handle_unknown") != "error"

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a category that may not be."""
        refuse_unseen(frame, dict(zip(params.strings("columns"), params.lists("categories"), strict=True)))

    def plan(self, params: Params) -> list[Op]:
        """Return one ordinal operation."""
        return [
            Ordinal(
                columns=tuple(params.strings("columns")),
                categories=tuple(tuple(keys) for keys in params.lists("categories")),
                unknown_value=cast("int | None", params["unknown_value"]),
                missing_value=cast("int | None", params["missing_value"]),
                handle_unknown="error" if params.text("handle_unknown") == "error" else "use_value",
            )
        ]


def _position(name: str, keys: list[Scalar], dtype: pl.DataType, unknown: int | None, missing: int | None) -> pl.Expr:
    found = code_of(name, keys, dtype).cast(pl.Float64)
    if unknown is not None:
        found = found.fill_null(float(unknown))
    if unknown == missing:
        return found.alias(name)
    return pl.when(pl.col(name).is_null()).then(pl.lit(missing, pl.Float64)).otherwise(found).alias(name)


@NodeRegistry.register("OrdinalEncoder", OrdinalEncoderApplier)
class OrdinalEncoderCalculator(StreamingCalculator[OrdinalEncoderConfig]):
    """Replace each category by its position in an order.

    >>> data = pl.DataFrame({"size": ["small", "large", "medium", None]})
    >>> config = OrdinalEncoderConfig(categories_order={"size": ["small", "medium", "large"]})
    >>> params = OrdinalEncoderCalculator().fit(data, config)
    >>> OrdinalEncoderApplier().apply(data, params)["size"].to_list()
    [0.0, 2.0, 1.0, None]

    >>> OrdinalEncoderCalculator().fit(data, OrdinalEncoderConfig(columns=["colour"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'colour'; the columns are: 'size'
    """

    family = "encoding"
    kind = Kind.LEARNED
    keywords = ("category", "order", "rank", "label", "codes")
    reference = "sklearn.preprocessing.OrdinalEncoder"
    tolerance = 0
    examples = (
        {},
        {"columns": ["plan", "city"], "categories_order": {"plan": ["pro", "basic"]}, "missing_value": -2},
        {"columns": ["plan", "flag", "count"], "unknown_value": None},
        {"columns": ["city"], "handle_unknown": "error"},
        {"columns": []},
    )
    accepts = ENCODABLE

    def check(self, schema: Schema, config: OrdinalEncoderConfig) -> list[Problem]:
        """Refuse orders that do not fit their column."""
        problems = []
        chosen_names = None if config.columns is None else set(config.columns)
        for name, order in config.categories_order.items():
            pointer = f"/categories_order/{pointer_part(name)}"
            column = schema.find(name)
            if chosen_names is not None and name not in chosen_names:
                hint = did_you_mean(name, chosen_names) or "Name it in columns too."
                problems.append(Problem(pointer, f"{name!r} is not among columns.", "unused-field", suggestion=hint))
            if len(set(order)) != len(order):
                problems.append(
                    Problem(pointer, f"The order of {name!r} names a category twice.", "duplicate-category")
                )
            if column is not None and not all(_fits(value, column) for value in order):
                message = f"Column {name!r} is {column.dtype}; its order holds values of another type."
                problems.append(Problem(pointer, message, "wrong-type"))
        return problems

    def learn(self, frame: pl.LazyFrame, config: OrdinalEncoderConfig) -> Params:
        """Learn the categories of the columns without an order, in one query."""
        columns, orders = chosen_lazy(frame, config.columns, TEXT), config.categories_order
        refuse = config.handle_unknown == "error"
        found = count_categories(frame, [name for name in columns if refuse or name not in orders])
        for name in orders if refuse else ():
            left = set(found[name].values) - set(orders[name]) if name in found else set()
            if left:
                raise unseen(name, min(left, key=found[name].values.index))
        categories = [list(dict.fromkeys(orders[name])) if name in orders else found[name].values for name in columns]
        return Params(
            columns=columns,
            categories=categories,
            unknown_value=config.unknown_value,
            missing_value=config.missing_value,
            handle_unknown=config.handle_unknown,
        )

    def infer_schema(self, schema: Schema, config: OrdinalEncoderConfig) -> Schema:
        """Return the schema with floats in the chosen columns."""
        columns = chosen(config.columns, schema, TEXT)
        unknown_is_null = config.handle_unknown == "use_encoded_value" and config.unknown_value is None
        if config.missing_value is not None and not unknown_is_null:
            return schema.change(columns, dtype="float", nullable=False)
        changed = schema.change(columns, dtype="float")
        return changed.change(columns, nullable=True) if unknown_is_null else changed


def _fits(value: object, column: ColumnSchema) -> bool:
    expected = {"boolean": (bool,), "string": (str,), "category": (str,), "integer": (int,), "float": (int, float)}
    allowed = expected.get(column.dtype, ())
    return isinstance(value, allowed) and (isinstance(value, bool) == (bool in allowed))
