"""RenameColumns: columns under other names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import polars as pl
from pydantic import Field, model_validator

from skyulf_core.nodes.base import Kind, LazyApplier, NodeConfig, StreamingCalculator
from skyulf_core.nodes.columns import chosen_lazy
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem, pointer_part
from skyulf_core.schema import DTYPES, Schema
from skyulf_core.serving.ops import Op, Rename


class RenameColumnsConfig(NodeConfig):
    """Which column gets which name."""

    mapping: dict[str, str] = Field(
        title="Mapping", description="New name of each column.", json_schema_extra={"x-widget": "column-map"}
    )

    @model_validator(mode="after")
    def _usable(self) -> RenameColumnsConfig:
        new = Counter(self.mapping.values())
        for name, count in new.items():
            if not name or name == "*" or (name.startswith("^") and name.endswith("$")):
                raise ValueError(f"{name!r} cannot be the name of a column")
            if count > 1:
                raise ValueError(f"{name!r} is the new name of several columns")
        return self

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield the columns that are renamed."""
        for name in self.mapping:
            yield f"/mapping/{pointer_part(name)}", name

    def clashes(self, names: list[str]) -> list[str]:
        """Return the columns whose new name another column keeps."""
        kept = set(names) - set(self.mapping)
        return [old for old, new in self.mapping.items() if new in kept]


class RenameColumnsApplier(LazyApplier):
    """Renames all columns at once, in their places."""

    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the renamed columns; a column that training did not know gives way to them."""
        mapping = dict(zip(params.strings("columns"), params.strings("names"), strict=True))
        strangers = [name for name in mapping.values() if name not in mapping]
        return frame.drop(strangers, strict=False).rename(mapping)

    def plan(self, params: Params) -> list[Op]:
        """Return one rename operation."""
        return [Rename(columns=tuple(params.strings("columns")), to=tuple(params.strings("names")))]


@NodeRegistry.register("RenameColumns", RenameColumnsApplier)
class RenameColumnsCalculator(StreamingCalculator[RenameColumnsConfig]):
    """Give columns other names, all at once, so that two can swap.

    Columns stay in their places. A name that another column keeps is refused.

    >>> data = pl.DataFrame({"a": [1], "b": [2], "c": [3]})
    >>> params = RenameColumnsCalculator().fit(data, RenameColumnsConfig(mapping={"a": "b", "b": "a"}))
    >>> RenameColumnsApplier().apply(data, params).to_dict(as_series=False)
    {'b': [1], 'a': [2], 'c': [3]}

    >>> RenameColumnsCalculator().fit(data, RenameColumnsConfig(mapping={"a": "c"}))
    Traceback (most recent call last):
    skyulf_core.problems.DataError: column 'a' cannot be named 'c': there is a column of that name
    """

    family = "cleaning"
    kind = Kind.STATELESS
    keywords = ("rename", "name", "columns", "swap")
    examples = (
        {"mapping": {"number": "count", "count": "number"}},
        {"mapping": {"city": 'the "city\'s" näme', "flag": "flag"}},
        {"mapping": {}},
    )
    accepts = frozenset(DTYPES)
    reference = "pandas.DataFrame.rename"
    tolerance = 0.0

    def check(self, schema: Schema, config: RenameColumnsConfig) -> list[Problem]:
        """Refuse names that other columns have."""
        return [
            Problem(
                f"/mapping/{pointer_part(old)}", f"There is a column {config.mapping[old]!r} already.", "name-clash"
            )
            for old in config.clashes(schema.names)
        ]

    def learn(self, frame: pl.LazyFrame, config: RenameColumnsConfig) -> Params:
        """Keep the names."""
        columns = chosen_lazy(frame, list(config.mapping), ())
        for old in config.clashes(frame.collect_schema().names()):
            message = f"column {old!r} cannot be named {config.mapping[old]!r}: there is a column of that name"
            raise DataError(message, reason="name-clash", column=old)
        return Params(columns=columns, names=list(config.mapping.values()))

    def infer_schema(self, schema: Schema, config: RenameColumnsConfig) -> Schema:
        """Return the schema with the new names."""
        free = schema.drop(set(config.mapping.values()) - set(config.mapping))
        return Schema(replace(column, name=config.mapping.get(column.name, column.name)) for column in free)
