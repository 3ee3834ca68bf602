"""OneHotEncoder: one indicator column per category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import numpy as np
import polars as pl
from pydantic import Field, StrictFloat, StrictInt

from skyulf_core.nodes.base import Applier, Calculator, Kind, NodeConfig
from skyulf_core.nodes.columns import ColumnNames, chosen, chosen_from, columns_field, free_name
from skyulf_core.nodes.encoding.categories import ENCODABLE, count_categories, refuse_unseen
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.schema import TEXT, ColumnSchema, Schema
from skyulf_core.serving.ops import OneHot, Op

_OTHER = -1


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


@dataclass(frozen=True)
class Group:
    """The indicator columns of one encoded column; None is a category that is known and has none."""

    column: str
    categories: list[Scalar]
    outputs: list[str | None]
    infrequent: list[Scalar]
    infrequent_output: str | None
    missing_output: str | None

    def names(self) -> list[str]:
        """Return the columns that are written, in order."""
        written = (*self.outputs, self.infrequent_output, self.missing_output)
        return [name for name in written if name is not None]


class OneHotEncoderApplier(Applier):
    """Writes true to the column of a row's category."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the frame with boolean indicator columns at its end."""
        rule = params.text("handle_unknown")
        groups = _groups(params)
        written = [series for group in groups for series in _indicators(data[group.column], group, rule)]
        if params.flag("drop_original"):
            data = data.drop(group.column for group in groups)
        return data.with_columns(written)

    def plan(self, params: Params) -> list[Op]:
        """Return one one_hot operation per column."""
        rules: dict[str, Literal["ignore", "error", "infrequent"]] = {
            "ignore": "ignore", "error": "error", "infrequent_if_exist": "infrequent",
        }  # fmt: skip
        return [
            OneHot(
                column=group.column,
                categories=tuple(group.categories),
                outputs=tuple(group.outputs),
                handle_unknown=rules[params.text("handle_unknown")],
                infrequent=tuple(group.infrequent),
                infrequent_output=group.infrequent_output,
                missing_output=group.missing_output,
                drop_original=params.flag("drop_original"),
            )
            for group in _groups(params)
        ]


def _groups(params: Params) -> list[Group]:
    return [Group(**cast("dict[str, list[Scalar]]", item)) for item in params.items_of("groups")]  # type: ignore[arg-type]


def _indicators(column: pl.Series, group: Group, rule: str) -> list[pl.Series]:
    names = group.names()
    position = {name: index for index, name in enumerate(names)}
    codes = {
        key: _OTHER if out is None else position[out] for key, out in zip(group.categories, group.outputs, strict=True)
    }
    if group.infrequent_output is not None:
        codes.update(dict.fromkeys(group.infrequent, position[group.infrequent_output]))
    else:
        codes.update(dict.fromkeys(group.infrequent, _OTHER))
    if rule == "error":
        refuse_unseen(column, list(codes))
    unknown = _OTHER
    if rule == "infrequent_if_exist" and group.infrequent_output is not None:
        unknown = position[group.infrequent_output]
    found = code_series(column, list(codes), list(codes.values()), unknown)
    missing = _OTHER if group.missing_output is None else position[group.missing_output]
    # a null is no unknown category: it has its own rule
    found = pl.select(pl.when(column.is_null()).then(missing).otherwise(found)).to_series()
    return [(found == index).alias(name) for index, name in enumerate(names)]


def code_series(column: pl.Series, keys: Sequence[Scalar], codes: Sequence[int], unknown: int) -> pl.Series:
    """Return the code of each value as Int32."""
    if not keys:
        return pl.repeat(unknown, len(column), dtype=pl.Int32, eager=True)
    known = pl.Series(keys, dtype=column.dtype)
    return column.replace_strict(known, pl.Series(codes, dtype=pl.Int32), default=unknown, return_dtype=pl.Int32)


@NodeRegistry.register("OneHotEncoder", OneHotEncoderApplier)
class OneHotEncoderCalculator(Calculator[OneHotEncoderConfig]):
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
    examples = (
        {},
        {"columns": ["plan", "count", "flag"], "drop_first": True, "include_missing": True},
        {"columns": ["city"], "max_categories": 3, "handle_unknown": "infrequent_if_exist", "drop_original": False},
        {"columns": ["city", "plan"], "min_frequency": 0.2, "handle_unknown": "error"},
        {"columns": []},
    )
    accepts = ENCODABLE

    def fit(self, data: pl.DataFrame, config: OneHotEncoderConfig) -> Params:
        """Learn the categories of every column, in one query."""
        columns = chosen_from(data, config.columns, TEXT)
        taken = set(data.columns) - (set(columns) if config.drop_original else set())
        groups = [
            _group(name, categories, counts, config, taken, (nulls, data.height))
            for name, (categories, counts, nulls) in count_categories(data, columns).items()
        ]
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


def _group(
    name: str,
    categories: list[Scalar],
    counts: list[int],
    config: OneHotEncoderConfig,
    taken: set[str],
    rows: tuple[int, int],
) -> Group:
    nulls, height = rows
    rare = _infrequent(np.asarray(counts, np.int64), height, config)
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
        missing_output=free_name(f"{name}_missing", taken) if config.include_missing and nulls else None,
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
