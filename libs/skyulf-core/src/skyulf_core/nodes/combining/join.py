"""Join: columns of another table, looked up by a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field, JsonValue, model_validator

from skyulf_core.data.frames import dtype_of, require_columns
from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.columns import ColumnNames
from skyulf_core.nodes.combiner import Combiner, CombinerApplier, Side
from skyulf_core.nodes.combining.reference import (
    KEYS,
    VALUES,
    comparable,
    require_comparable,
    require_small,
    require_storable,
    require_unique,
)
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem, nearest_column
from skyulf_core.schema import ColumnSchema, Schema
from skyulf_core.serving.ops import GroupLookup, Op

_COLUMNS: dict[str, JsonValue] = {"x-widget": "columns"}


class JoinConfig(NodeConfig):
    """By which columns rows find each other, and what becomes of those without a partner."""

    on: ColumnNames | None = Field(
        default=None,
        min_length=1,
        title="On",
        description="Key columns of both sides.",
        json_schema_extra=_COLUMNS | {"x-visible-if": {"left_on": None}},
    )
    left_on: ColumnNames | None = Field(
        default=None,
        min_length=1,
        title="Left on",
        description="Key columns of the left side, where they are named otherwise than those of the right.",
        json_schema_extra=_COLUMNS | {"x-visible-if": {"on": None}},
    )
    right_on: ColumnNames | None = Field(
        default=None,
        min_length=1,
        title="Right on",
        description="Key columns of the right side, in the order of those of the left; they are not taken over.",
        json_schema_extra=_COLUMNS | {"x-visible-if": {"on": None}},
    )
    how: Literal["left", "inner"] = Field(
        default="left",
        title="How",
        description="left keeps rows without a partner, with nulls; inner leaves them out of the data that is split. "
        "New rows are never left out.",
    )
    suffix: str = Field(
        default="_right", min_length=1, title="Suffix", description="Added to a name that the left side has too."
    )

    @model_validator(mode="after")
    def _keys_are_named(self) -> JoinConfig:
        if (self.on is None) == (self.left_on is None) or (self.left_on is None) != (self.right_on is None):
            raise ValueError("name the keys under on, or under left_on and right_on")
        if self.left_on is not None and len(self.left_on) != len(self.right_on or ()):
            raise ValueError("left_on and right_on must be equally long")
        return self

    @property
    def left_keys(self) -> list[str]:
        """The key columns of the left side."""
        return list(self.on or self.left_on or ())

    @property
    def right_keys(self) -> list[str]:
        """The key columns of the right side."""
        return list(self.on or self.right_on or ())

    def placed_keys(self) -> Iterator[tuple[int, str, str]]:
        """Yield (0 for left or 1 for right, pointer, column) of every key."""
        for side, keys in enumerate((self.left_keys, self.right_keys)):
            field = "on" if self.on is not None else ("left_on", "right_on")[side]
            for index, name in enumerate(keys):
                yield side, f"/{field}/{index}", name


class JoinApplier(CombinerApplier):
    """Looks the rows of the left side up in what is stored of the right side."""

    def combine(self, frames: Sequence[pl.DataFrame], params: Params) -> pl.DataFrame:
        """Return the left rows with the columns of the right side; nulls where no row matches."""
        left, keys, names = frames[0], params.strings("keys"), params.strings("outputs")
        types = [str(kind) for kind in params.scalars("types")]
        require_columns(left, keys)
        stored = zip(names, params.lists("values"), types, strict=True)
        values = [pl.Series(f"value {i}", column, _TYPES[kind]) for i, (_, column, kind) in enumerate(stored)]
        columns = [left[key].alias(f"key {i}") for i, key in enumerate(keys)]
        wanted = pl.DataFrame(columns)
        given = zip(params.lists("groups"), wanted.iter_columns(), strict=True)
        reference = pl.DataFrame([_same_type(group, column) for group, column in given] + values)
        found = wanted.join(reference, on=wanted.columns, how="left", maintain_order="left")
        return left.with_columns(found[f"value {i}"].alias(name) for i, name in enumerate(names))

    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64] | None:
        """Return the left rows with a partner, for an inner join."""
        if params.text("how") == "left":
            return None
        groups = set(zip(*params.lists("groups"), strict=True))
        keys = data.select(params.strings("keys")).iter_rows()
        return np.flatnonzero(np.fromiter((key in groups for key in keys), np.bool_, data.height))

    def plan(self, params: Params) -> list[Op]:
        """Return one lookup by all keys together."""
        outputs = tuple(params.strings("outputs"))
        groups = tuple(zip(*params.lists("groups"), strict=True))
        values = tuple(tuple(column) for column in params.lists("values"))
        defaults = (None,) * len(outputs)
        return [GroupLookup(tuple(params.strings("keys")), groups, outputs, values, defaults)]


_TYPES: dict[str, type[pl.DataType]] = {
    "integer": pl.Int64, "float": pl.Float64, "boolean": pl.Boolean, "string": pl.String, "category": pl.String,
}  # fmt: skip


def _same_type(values: Sequence[object], column: pl.Series) -> pl.Series:
    """Return stored keys in the type of the column that is looked up."""
    kind = pl.Int64 if dtype_of(column.dtype) == "integer" else column.dtype
    stored = pl.Series(column.name, values, dtype=kind if values else column.dtype)
    return stored.cast(column.dtype, strict=False)


@NodeRegistry.register("Join", JoinApplier)
class JoinCalculator(Combiner[JoinConfig]):
    """Look columns of another table up by a key.

    Inputs: the rows that are predicted (left), and reference data (right), whose keys are unique. Rows of the right
    side are kept with the model, at most 100,000 of them: predictions look keys up in what was there when the
    pipeline was trained, and a key that was not gives nulls. A null key has no partner. Keys are whole
    numbers, booleans or texts. Reference data may be looked up in further tables, but hold nothing of the table whose
    rows are predicted, over whatever nodes: no splitter divides them, and values of test rows would come back.

    >>> orders, customers = pl.DataFrame({"who": [1, 2]}), pl.DataFrame({"id": [2], "plan": ["pro"]})
    >>> config = JoinConfig(left_on=["who"], right_on=["id"])
    >>> params = JoinCalculator().fit([orders, customers], config, sides=[])
    >>> JoinApplier().combine([orders], params)["plan"].to_list()
    [None, 'pro']

    >>> JoinCalculator().fit([orders, pl.concat([customers, customers])], config, sides=[])
    Traceback (most recent call last):
    skyulf_core.problems.DataError: 1 key of the right side occurs several times, as 2; aggregate its rows per key, or \
remove duplicates, before the data is given to the pipeline
    """

    keywords = ("join", "lookup", "key", "left", "inner", "vlookup", "enrich")
    most_inputs = 2
    reference_inputs = frozenset({1})
    examples = (
        {"on": ["plan"]},
        {"on": ["plan", "flag"], "suffix": "_of_plan"},
        {"left_on": ["city"], "right_on": ["plan"]},
        {"left_on": ["count"], "right_on": ["size"], "how": "inner"},
    )
    reference = "pandas.merge(validate='many_to_one')"
    tolerance = 0

    def drops_rows(self, config: JoinConfig) -> bool:
        """Say whether it is an inner join."""
        return config.how == "inner"

    def fit(self, frames: Sequence[pl.DataFrame], config: JoinConfig, *, sides: Sequence[Side]) -> Params:
        """Keep the rows of the right side."""
        left, right = frames
        require_columns(left, config.left_keys)
        require_columns(right, config.right_keys)
        pairs = zip(config.left_keys, config.right_keys, strict=True)
        for one, other in pairs:
            require_comparable(left[one], right[other])
        right = right.drop_nulls(config.right_keys)
        values = right.drop(config.right_keys)
        require_small(right)
        require_unique(right, config.right_keys)
        require_storable(values)
        return Params(
            keys=config.left_keys,
            outputs=_outputs(left.columns, values.columns, config.suffix),
            groups=[right[name].to_list() for name in config.right_keys],
            values=[column.to_list() for column in values.iter_columns()],
            types=[dtype_of(column.dtype) for column in values.iter_columns()],
            how=config.how,
        )

    def infer_schema(self, schemas: Sequence[Schema], config: JoinConfig, *, sides: Sequence[Side]) -> Schema:
        """Return the left columns, and those of the right side that are no keys."""
        left, right = schemas
        values = right.drop(config.right_keys)
        try:
            names = _outputs(left.names, values.names, config.suffix)
        except DataError:
            return left
        pairs = zip(names, values, strict=True)
        return left.append(
            ColumnSchema(name, column.dtype, nullable=True, family=column.family) for name, column in pairs
        )

    def check_inputs(self, schemas: Sequence[Schema], config: JoinConfig, *, sides: Sequence[Side]) -> list[Problem]:
        """Report keys that are not there or differ in type, and columns that cannot be looked up."""
        problems = []
        for side, pointer, name in config.placed_keys():
            column, where = schemas[side].find(name), ("left", "right")[side]
            if column is None:
                hint = nearest_column(name, schemas[side].names)
                message = f"There is no column {name!r} on the {where} side."
                problems.append(Problem(pointer, message, "unknown-column", suggestion=hint))
            elif column.dtype not in KEYS:
                message = (
                    f"Column {name!r} of the {where} side is {column.dtype}; keys are integers, booleans or texts."
                )
                problems.append(Problem(pointer, message, "wrong-type", suggestion="Convert it with Casting before."))
        return problems or [*_pair_problems(schemas, config), *_value_problems(schemas, config)]


def _pair_problems(schemas: Sequence[Schema], config: JoinConfig) -> Iterator[Problem]:
    pairs = zip(config.left_keys, config.right_keys, strict=True)
    for index, (one, other) in enumerate(pairs):
        left, right = schemas[0].find(one), schemas[1].find(other)
        if left is not None and right is not None and not comparable(left.dtype, right.dtype):
            pointer = f"/on/{index}" if config.on is not None else f"/right_on/{index}"
            message = f"{one!r} is {left.dtype} on the left side, {other!r} is {right.dtype} on the right."
            yield Problem(pointer, message, "wrong-type", suggestion="Convert one of them with Casting before.")


def _value_problems(schemas: Sequence[Schema], config: JoinConfig) -> Iterator[Problem]:
    left, values = schemas[0], schemas[1].drop(config.right_keys)
    for column in values:
        if column.dtype not in VALUES:
            message = f"Column {column.name!r} of the right side is {column.dtype}; Join looks up numbers and texts."
            hint = "Take it apart with DateParts, or drop it with DropColumns, before the Join."
            yield Problem("", message, "wrong-type", suggestion=hint)
    try:
        _outputs(left.names, values.names, config.suffix)
    except DataError as error:
        yield Problem("/suffix", f"{error.message[0].upper()}{error.message[1:]}.", "name-taken")


def _outputs(left: Iterable[str], values: Iterable[str], suffix: str) -> list[str]:
    """Return the names of looked up columns. Raises DataError where one is taken all the same."""
    taken = set(left)
    names: list[str] = []
    for name in values:
        found = f"{name}{suffix}" if name in taken else name
        if found in taken or found in names:
            raise DataError(
                f"column {name!r} of the right side cannot be named {found!r}, which exists; choose another suffix",
                reason="name-taken",
                column=name,
            )
        names.append(found)
    return names
