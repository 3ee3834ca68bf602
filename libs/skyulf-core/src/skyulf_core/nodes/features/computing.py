"""What the nodes share that only compute: their columns are trees of functions on other columns."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, TypeAlias

import polars as pl
from pydantic import AfterValidator, Field

from skyulf_core.data.frames import require_columns
from skyulf_core.nodes.base import ConfigT, StreamingCalculator
from skyulf_core.nodes.columns import dtypes_in
from skyulf_core.nodes.features.computed import computed_params
from skyulf_core.nodes.features.kinds import output_schema
from skyulf_core.params import Params
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import Schema
from skyulf_core.serving.ops.expressions import Tree


def _usable(name: str) -> str:
    if name == "*" or (name.startswith("^") and name.endswith("$")):
        raise ValueError(f"{name!r} stands for a pattern of names; choose another one")
    return name


OutputName: TypeAlias = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_usable)]
"""A name for a new column."""


class ComputingCalculator(StreamingCalculator[ConfigT]):
    """A calculator that learns nothing but which columns there are."""

    @abstractmethod
    def outputs(self, schema: Schema, config: ConfigT) -> list[tuple[str, Tree]]:
        """Return the names of the new columns and how they are computed. Raises DataError where there are too many."""

    def learn(self, frame: pl.LazyFrame, config: ConfigT) -> Params:
        """Keep names and trees; no row is read."""
        empty = pl.DataFrame(schema=frame.collect_schema())
        require_columns(empty, list(dict.fromkeys(name for _, name in config.named_columns())))
        return computed_params(self.outputs(dtypes_in(empty), config))

    def check(self, schema: Schema, config: ConfigT) -> list[Problem]:
        """Refuse what would make too many columns."""
        try:
            self.outputs(schema, config)
        except DataError as error:
            return [Problem("/columns", f"{error.message}.", error.reason)]
        return []

    def infer_schema(self, schema: Schema, config: ConfigT) -> Schema:
        """Return the schema with the new columns at its end."""
        try:
            outputs = self.outputs(schema, config)
        except DataError:  # said by `check`
            return schema
        return schema.append(output_schema(outputs, schema))


def require_few(count: int, most: int, what: str) -> None:
    """Raise DataError where a node would make more columns than it may."""
    if count > most:
        message = f"{what} would make {count} columns, more than {most}; name fewer columns"
        raise DataError(message, reason="too-many-columns")
