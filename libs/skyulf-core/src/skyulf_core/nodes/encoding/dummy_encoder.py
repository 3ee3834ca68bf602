"""DummyEncoder: indicator columns named and ordered as pandas.get_dummies has them."""

from __future__ import annotations

import polars as pl
from pydantic import Field

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_lazy, columns_field, free_name
from skyulf_core.nodes.encoding.categories import ENCODABLE, Counted, count_categories
from skyulf_core.nodes.encoding.indicators import Group, groups_of, refuse_too_many, with_indicators
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import Op


class DummyEncoderConfig(NodeConfig):
    """Which categories get a column."""

    columns: ColumnNames | None = columns_field("all text columns")
    drop_first: bool = Field(
        default=False,
        title="Drop first",
        description="Leave out the first category of each column; it follows from the others.",
    )
    dummy_na: bool = Field(
        default=False,
        title="Column for missing",
        description="Add a column `_nan` that marks missing values, even where training rows have none.",
    )


class DummyEncoderApplier(LazyApplier):
    """Writes true to the column of a row's category."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the frame with boolean columns at its end."""
        return with_indicators(frame, groups_of(params), drop_original=True, unknown_is_infrequent=False)

    def plan(self, params: Params) -> list[Op]:
        """Return one one_hot operation per column."""
        return [group.op(handle_unknown="ignore", drop_original=True) for group in groups_of(params)]


@NodeRegistry.register("DummyEncoder", DummyEncoderApplier)
class DummyEncoderCalculator(StreamingCalculator[DummyEncoderConfig]):
    """Turn each category into a column of true and false, as pandas.get_dummies does.

    Columns are named `<column>_<category>`, in sorted order, at the end of the frame. Other than get_dummies the node
    remembers the categories of training, so that new rows get the same columns; a category that training did not see
    is false in all of them. OneHotEncoder has more rules (rare categories, errors, keeping the column).

    >>> data = pl.DataFrame({"plan": ["basic", "pro", None]})
    >>> params = DummyEncoderCalculator().fit(data, DummyEncoderConfig(drop_first=True, dummy_na=True))
    >>> DummyEncoderApplier().apply(pl.DataFrame({"plan": ["pro", "new", None]}), params).to_dict(as_series=False)
    {'plan_pro': [True, False, False], 'plan_nan': [False, False, True]}

    >>> DummyEncoderCalculator().fit(data, DummyEncoderConfig(columns=["plans"]))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'plans'; the columns are: 'plan'
    """

    family = "encoding"
    kind = Kind.LEARNED
    keywords = ("category", "dummy", "indicator", "get_dummies", "one-hot")
    examples = (
        {},
        {"columns": ["plan", "count", "flag"], "drop_first": True, "dummy_na": True},
        {"columns": ["city"], "dummy_na": True},
        {"columns": []},
    )
    accepts = ENCODABLE
    reference = "pandas.get_dummies"
    tolerance = 0.0

    def learn(self, frame: pl.LazyFrame, config: DummyEncoderConfig) -> Params:
        """Learn the categories of every column, in one query. Raises DataError where they are too many."""
        columns, taken = chosen_lazy(frame, config.columns, TEXT), set(frame.collect_schema().names())
        counted = count_categories(frame, columns)
        groups = [_group(name, counted[name], config, taken) for name in columns]
        refuse_too_many(groups)
        return Params(columns=columns, groups=[vars(group) for group in groups])

    def infer_schema(self, schema: Schema, config: DummyEncoderConfig) -> Schema:
        """Return the schema with a family of boolean columns for each encoded one."""
        columns = chosen(config.columns, schema, TEXT)
        return schema.drop(columns).append(
            ColumnSchema(f"{name}_*", "boolean", nullable=False, family=True) for name in columns
        )


def _group(name: str, counted: Counted, config: DummyEncoderConfig, taken: set[str]) -> Group:
    outputs = [
        None if config.drop_first and index == 0 else free_name(f"{name}_{value}", taken)
        for index, value in enumerate(counted.values)
    ]
    # where there is no category, the column of missing values is the first, and goes as well
    alone = config.drop_first and not counted.values
    missing = free_name(f"{name}_nan", taken) if config.dummy_na and not alone else None
    return Group(name, counted.values, outputs, [], None, missing)
