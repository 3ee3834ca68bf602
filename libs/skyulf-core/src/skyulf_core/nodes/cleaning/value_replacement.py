"""ValueReplacement: values replaced by others."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import polars as pl
from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from skyulf_core.data.frames import dtype_of
from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import ColumnNames, chosen_lazy, columns_field
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params, Scalar
from skyulf_core.problems import DataError, Problem, pointer_part
from skyulf_core.schema import NUMBER_LIKE, NUMERIC, TEXT, Dtype, Schema
from skyulf_core.serving.ops import Lookup, Op

NewValue: TypeAlias = StrictBool | StrictInt | StrictFloat | StrictStr | None
Mapping: TypeAlias = dict[str, NewValue]
_LARGEST = 1e300


class ValueReplacementConfig(NodeConfig):
    """Which value becomes which."""

    columns: ColumnNames | None = columns_field(
        "all text columns where the new values are texts or missing, all numeric ones where they are numbers, all "
        "boolean ones where they are true or false"
    )
    mapping: Mapping = Field(
        default={},
        title="Mapping",
        description="New value of each old one. Old values are written as text: 'old', '-999', '2.5', 'true'.",
    )
    column_mappings: dict[str, Mapping] = Field(
        default={},
        title="Mappings of columns",
        description="A mapping for single columns, used instead of the one for all.",
        json_schema_extra={"x-widget": "column-map"},
    )

    @model_validator(mode="after")
    def _finite(self) -> ValueReplacementConfig:
        for mapping in (self.mapping, *self.column_mappings.values()):
            if any(isinstance(value, int | float) and not abs(value) < _LARGEST for value in mapping.values()):
                raise ValueError("new values must be numbers below 1e300; use null for a missing one")
        return self

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of both fields."""
        yield from super().named_columns()
        for name in self.column_mappings:
            yield f"/column_mappings/{pointer_part(name)}", name

    def automatic(self) -> frozenset[Dtype]:
        """Return the types that the mapping for all is for."""
        return _types_of(self.mapping)

    def mapping_of(self, name: str) -> Mapping:
        """Return the mapping of one column."""
        return self.column_mappings.get(name, self.mapping)

    def chosen(self, schema: Schema) -> list[str]:
        """Return the columns that are worked on."""
        names = schema.of_type(self.automatic()) if self.columns is None and self.mapping else self.columns or []
        there = set(schema.names)
        return list(dict.fromkeys(name for name in (*names, *self.column_mappings) if name in there))

    def becomes_float(self, name: str, dtype: Dtype) -> bool:
        """Say whether whole numbers become floats."""
        return dtype == "integer" and any(isinstance(value, float) for value in self.mapping_of(name).values())


class ValueReplacementApplier(LazyApplier):
    """Replaces the listed values; others stay."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the frame with other values."""
        known, changes = frame.collect_schema(), []
        tables = (params.strings("columns"), params.lists("keys"), params.lists("values"))
        for name, keys, values in zip(*tables, strict=True):
            wanted = _wide(known[name], values)
            column = pl.col(name).cast(wanted)
            old, new = pl.Series(keys, dtype=wanted), pl.Series(values, dtype=wanted)
            # a function: what polars needs to plan its own replacement grows with all columns of the frame
            replaced = column.map_batches(_replacer(old, new), return_dtype=wanted, is_elementwise=True)
            changes.append(replaced if keys else column)
        return frame.with_columns(changes)

    def plan(self, params: Params) -> list[Op]:
        """Return one lookup operation that keeps what it does not list."""
        columns = tuple(params.strings("columns"))
        keys, values = (tuple(tuple(items) for items in params.lists(name)) for name in ("keys", "values"))
        return [Lookup(columns=columns, keys=keys, values=values, default=(None,) * len(columns), keep_unknown=True)]


def _replacer(old: pl.Series, new: pl.Series) -> Callable[[pl.Series], pl.Series]:
    return lambda column: column.replace_strict(old, new, default=column, return_dtype=new.dtype)


def _wide(dtype: pl.DataType, values: list[Scalar]) -> pl.DataType:
    if not dtype.is_numeric():
        return dtype
    whole = dtype.is_integer() and not any(isinstance(value, float) for value in values)
    return (dtype if dtype == pl.UInt64 else pl.Int64()) if whole else pl.Float64()


@NodeRegistry.register("ValueReplacement", ValueReplacementApplier)
class ValueReplacementCalculator(StreamingCalculator[ValueReplacementConfig]):
    """Replace listed values by others, or by nothing, in all columns or in single ones.

    A value that is not listed stays, and so does a missing one (SimpleImputer fills those). New values have the type
    of the column; a fraction makes floats of whole numbers. All replacements happen at once, so two values can swap.

    >>> data = pl.DataFrame({"plan": ["basic", "old", None], "age": [-999, 30, 41]})
    >>> config = ValueReplacementConfig(mapping={"old": "basic"}, column_mappings={"age": {"-999": None}})
    >>> params = ValueReplacementCalculator().fit(data, config)
    >>> ValueReplacementApplier().apply(data, params).to_dict(as_series=False)
    {'plan': ['basic', 'basic', None], 'age': [None, 30, 41]}

    >>> ValueReplacementCalculator().fit(data, ValueReplacementConfig(column_mappings={"age": {"old": 1}}))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'age' is integer: it has no value 'old'
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("replace", "map", "recode", "value", "sentinel", "substitute")
    examples = (
        {"mapping": {"basic": "pro", "pro": "basic", "Oslo": None}},
        {"mapping": {"3": 300, "5": -1}, "column_mappings": {"flag": {"true": False}, "number": {"-1.5": 0}}},
        {"columns": ["count"], "mapping": {"0": 0.5, "2": None}},
        {"column_mappings": {"plan": {"team": "pro"}, "city": {"Łódź": "Lodz", 'it\'s "x"': ""}}},
        {"columns": []},
    )
    accepts = NUMBER_LIKE | TEXT
    reference = "pandas.Series.replace"
    tolerance = 0.0

    def check(self, schema: Schema, config: ValueReplacementConfig) -> list[Problem]:
        """Refuse values that a column cannot have."""
        problems = []
        for name in config.chosen(schema):
            fault = _fault(name, schema.select([name])[0].dtype, config.mapping_of(name))
            if fault is not None:
                own = name in config.column_mappings
                pointer = f"/column_mappings/{pointer_part(name)}" if own else "/mapping"
                problems.append(Problem(pointer, f"{fault[0].upper()}{fault[1:]}.", "wrong-type"))
        return problems

    def learn(self, frame: pl.LazyFrame, config: ValueReplacementConfig) -> Params:
        """Keep old and new values in the types of the columns."""
        chosen_lazy(frame, [name for _, name in config.named_columns()], ())
        known = frame.collect_schema()
        schema = Schema.from_dicts([{"name": name, "dtype": dtype_of(dtype)} for name, dtype in known.items()])
        columns = config.chosen(schema)
        tables: list[dict[Scalar, Scalar]] = []
        for name in columns:
            dtype = dtype_of(known[name])
            fault = _fault(name, dtype, config.mapping_of(name))
            if fault is not None:
                raise DataError(fault, reason="wrong-type", column=name)
            tables.append(_table(name, known[name], config.mapping_of(name)))
        return Params(
            columns=columns, keys=[list(table) for table in tables], values=[list(table.values()) for table in tables]
        )

    def infer_schema(self, schema: Schema, config: ValueReplacementConfig) -> Schema:
        """Return the schema, nullable where a value becomes missing."""
        columns = config.chosen(schema)
        dtypes = {column.name: column.dtype for column in schema}
        missing = [name for name in columns if None in config.mapping_of(name).values()]
        floats = [name for name in columns if config.becomes_float(name, dtypes[name])]
        return schema.change(missing, nullable=True).change(floats, dtype="float")


def _types_of(mapping: Mapping) -> frozenset[Dtype]:
    new = [value for value in mapping.values() if value is not None]
    if any(isinstance(value, bool) for value in new):
        return frozenset({"boolean"})
    return NUMERIC if any(isinstance(value, int | float) for value in new) else TEXT


def _fault(name: str, dtype: Dtype, mapping: Mapping) -> str | None:
    accepted = _types_of(mapping) if any(value is not None for value in mapping.values()) else NUMBER_LIKE | TEXT
    mixed = {isinstance(value, bool) + 2 * isinstance(value, str) for value in mapping.values() if value is not None}
    if dtype not in accepted or len(mixed) > 1:
        return f"column {name!r} is {dtype}: its new values must be of that type, or null"
    for old in mapping:
        if _parsed(old, dtype) is None:
            return f"column {name!r} is {dtype}: it has no value {old!r}"
    return None


def _parsed(text: str, dtype: Dtype) -> Scalar:
    """Return an old value in the column's type, None where it has no such value."""
    if dtype in TEXT:
        return text
    if dtype == "boolean":
        return {"true": True, "false": False}.get(text.lower())
    try:
        number = float(text)
        whole = int(text) if dtype == "integer" and number.is_integer() and "." not in text else number
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or (dtype == "integer" and not number.is_integer()):
        return None
    return int(whole) if dtype == "integer" else number


def _table(name: str, stored: pl.DataType, mapping: Mapping) -> dict[Scalar, Scalar]:
    dtype = dtype_of(stored)
    table = {_parsed(old, dtype): new for old, new in mapping.items()}
    if dtype in NUMERIC and (dtype == "float" or any(isinstance(new, float) for new in table.values())):
        return {_float(old): _float(new) for old, new in table.items()}
    if dtype != "integer":
        return table
    low, high = (0, 2**64 - 1) if stored == pl.UInt64 else (-(2**63), 2**63 - 1)
    for new in table.values():
        if isinstance(new, int) and not low <= new <= high:
            message = f"column {name!r} is {stored}: the new value {new} does not fit"
            raise DataError(message, reason="out-of-range", column=name)
    return {old: new for old, new in table.items() if isinstance(old, int) and low <= old <= high}


def _float(value: Scalar) -> Scalar:
    return float(value) if isinstance(value, int) else value
