"""OneHotEncoder: one indicator column per category."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import polars as pl
from pydantic import Field, StrictFloat, StrictInt

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.encoding.categories import ENCODABLE, Counted, count_categories, refuse_unseen
from skyulf_core.nodes.encoding.indicators import Group, groups_of, refuse_too_many, with_indicators
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Op


class OneHotEncoderConfig(NodeConfig):
    """Which categories get a column."""

    columns: ColumnNames | None = columns_field("all text columns")
    handle_unknown: Literal["ignore", "error", "infrequent_if_exist"] = Field(
        default="ignore",
        title="Unknown categories",
        description="A category that training did not see: all zeros, an error, or counted as infrequent "
        "(all zeros where no category is).",
    )
    drop_first: bool = Field(
        default=False,
        title="Drop first",
        description="Leave out the first column of each group; it follows from the others.",
    )
    max_categories: int | None = Field(
        default=None, ge=1, title="Most columns", description="Columns per group at most, with the infrequent one."
    )
    min_frequency: Annotated[StrictInt, Field(ge=1)] | Annotated[StrictFloat, Field(gt=0.0, lt=1.0)] | None = Field(
        default=None,
        title="Least frequency",
        description="Categories with fewer rows (or a smaller share of the rows) become one column, `_infrequent`.",
    )
    include_missing: bool = Field(
        default=False,
        title="Column for missing",
        description="Give missing values a column `_missing` where training rows have any, instead of all zeros.",
    )
    drop_original: bool = Field(default=True, title="Drop original", description="Leave out the encoded columns.")


class OneHotEncoderApplier(LazyApplier):
    """Writes true to the column of a row's category."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the frame with boolean indicator columns at its end."""
        return with_indicators(
            frame,
            groups_of(params),
            drop_original=params.flag("drop_original"),
            unknown_is_infrequent=params.text("handle_unknown") == "infrequent_if_exist",
        )

    def fuses(self, params: Params) -> bool:
        """Say no where unknown categories are an error."""
        return params.text("handle_unknown") != "error"

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for a category that may not be."""
        refuse_unseen(frame, {group.column: group.known() for group in groups_of(params)})

    def plan(self, params: Params) -> list[Op]:
        """Return one one_hot operation per column."""
        rules: dict[str, Literal["ignore", "error", "infrequent"]] = {
            "ignore": "ignore", "error": "error", "infrequent_if_exist": "infrequent",
        }  # fmt: skip
        rule, drop = rules[params.text("handle_unknown")], params.flag("drop_original")
        return [group.op(handle_unknown=rule, drop_original=drop) for group in groups_of(params)]


@NodeRegistry.register("OneHotEncoder", OneHotEncoderApplier)
class OneHotEncoderCalculator(StreamingCalculator[OneHotEncoderConfig]):
    """Turn each category into a column of true and false.

    Columns are named `<column>_<category>`, in sorted order, at the end of the frame.

    >>> data = pl.DataFrame({"plan": ["basic", "pro", "basic"]})
    >>> params = OneHotEncoderCalculator().fit(data, OneHotEncoderConfig())
    >>> OneHotEncoderApplier().apply(pl.DataFrame({"plan": ["pro", "new"]}), params).to_dict(as_series=False)
    {'plan_basic': [False, False], 'plan_pro': [True, False]}

    >>> params = OneHotEncoderCalculator().fit(data, OneHotEncoderConfig(handle_unknown="error"))
    >>> OneHotEncoderApplier().apply(pl.DataFrame({"plan": ["new"]}), params)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'plan': 'new' was not seen in training
    """

    family = "encoding"
    kind = Kind.LEARNED
    keywords = ("category", "dummy", "indicator", "one-hot", "text")
    reference = "sklearn.preprocessing.OneHotEncoder"
    tolerance = 0
    examples = (
        {},
        {"columns": ["plan", "count", "flag"], "drop_first": True, "include_missing": True},
        {"columns": ["city"], "max_categories": 3, "handle_unknown": "infrequent_if_exist", "drop_original": False},
        {"columns": ["city", "plan"], "min_frequency": 0.2, "handle_unknown": "error"},
        {"columns": []},
    )
    accepts = ENCODABLE

    def learn(self, frame: pl.LazyFrame, config: OneHotEncoderConfig) -> Params:
        """Learn the categories of every column, in one query. Raises DataError where they are too many."""
        columns = chosen_lazy(frame, config.columns, TEXT)
        taken = set(frame.collect_schema().names())
        counted = count_categories(frame, columns)
        groups = [_group(name, counted[name], config, taken) for name in columns]
        refuse_too_many(groups)
        return Params(
            columns=columns,
            groups=[vars(group) for group in groups],
            handle_unknown=config.handle_unknown,
            drop_original=config.drop_original,
        )

    def infer_schema(self, schema: Schema, config: OneHotEncoderConfig) -> Schema:
        """Return the schema with a family of boolean columns for each encoded one."""
        columns = chosen(config.columns, schema, TEXT)
        kept = schema.drop(columns) if config.drop_original else schema
        return kept.append(ColumnSchema(f"{name}_*", "boolean", nullable=False, family=True) for name in columns)


def _group(name: str, counted: Counted, config: OneHotEncoderConfig, taken: set[str]) -> Group:
    categories = counted.values
    rare = _infrequent(np.asarray(counted.rows, np.int64), counted.height, config)
    frequent = [value for value, few in zip(categories, rare, strict=True) if not few]
    infrequent = [value for value, few in zip(categories, rare, strict=True) if few]
    # scikit-learn drops after grouping: the first frequent category, or the infrequent column where there is no other
    first = config.drop_first and bool(frequent)
    outputs: list[str | None] = [
        None if first and index == 0 else free_name(f"{name}_{_label(value)}", taken)
        for index, value in enumerate(frequent)
    ]
    others = bool(infrequent) and not (config.drop_first and not frequent)
    return Group(
        column=name,
        categories=frequent,
        outputs=outputs,
        infrequent=infrequent,
        infrequent_output=free_name(f"{name}_infrequent", taken) if others else None,
        missing_output=free_name(f"{name}_missing", taken) if config.include_missing and counted.nulls else None,
    )


def _label(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _infrequent(
    counts: np.ndarray[tuple[int], np.dtype[np.int64]], height: int, config: OneHotEncoderConfig
) -> list[bool]:
    """Mark the categories to group, as scikit-learn does (the limit counts the infrequent column too)."""
    least = config.min_frequency
    limit = 0.0 if least is None else least if isinstance(least, int) else height * least
    rare = counts < limit
    if config.max_categories is not None and config.max_categories < len(counts) - int(rare.sum()) + 1:
        keep = config.max_categories - 1
        order = np.argsort(counts, kind="stable")
        rare[order[:-keep] if keep else order] = True
    return [bool(few) for few in rare]
