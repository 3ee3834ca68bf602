"""The part of a node that learns: from features, from features and target, or by making other rows."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from skyulf_core.nodes.base.config import ConfigT
from skyulf_core.nodes.base.node import Kind, NodeBase
from skyulf_core.params import Params
from skyulf_core.schema import Schema

if TYPE_CHECKING:
    import polars as pl


class Calculator(NodeBase[ConfigT]):
    """Learns params from training rows. Holds no state of its own."""

    @abstractmethod
    def fit(self, data: pl.DataFrame, config: ConfigT) -> Params:
        """Learn from the training rows (features only). Does not change `data`. Raises DataError."""

    @abstractmethod
    def infer_schema(self, schema: Schema, config: ConfigT) -> Schema:
        """Return the schema that comes out. Names that are not in `schema` are ignored, never an error."""

    def training_rows(self, data: pl.DataFrame, config: ConfigT, params: Params) -> pl.DataFrame | None:
        """Return the training rows as the next node shall see them; None: as the Applier makes them.

        History nodes answer here: the tail that new rows follow on comes from the training rows themselves.
        """
        return None


class StreamingCalculator(Calculator[ConfigT]):
    """A calculator that learns with queries over a lazy frame, so that the rows may be more than memory holds."""

    streaming: ClassVar[bool] = True

    @abstractmethod
    def learn(self, frame: pl.LazyFrame, config: ConfigT) -> Params:
        """Learn from the training rows: the statistics of all columns in one query. Raises DataError."""

    def fit(self, data: pl.DataFrame, config: ConfigT) -> Params:
        """Learn from a frame in memory: the same query."""
        return self.learn(data.lazy(), config)


class TargetAwareCalculator(NodeBase[ConfigT]):
    """A calculator that also reads the target (kind `target_aware`).

    The target is a series without nulls, as the data holds it (texts, numbers or booleans), aligned with the rows.
    """

    @abstractmethod
    def fit(self, data: pl.DataFrame, target: pl.Series, config: ConfigT) -> Params:
        """Learn from the training rows and their target."""

    @abstractmethod
    def infer_schema(self, schema: Schema, config: ConfigT) -> Schema:
        """Return the schema that comes out."""

    def training_rows(
        self, data: pl.DataFrame, target: pl.Series, config: ConfigT, params: Params
    ) -> pl.DataFrame | None:
        """Return the training rows as the next node shall see them; None: as the Applier makes them.

        Encoders of the target answer here with cross-fitted values: no row is encoded with its own target. A node that
        answers here is refused behind one that repeats rows.
        """
        return None

    @property
    def cross_fits(self) -> bool:
        """Whether training rows get other values than new ones: it has `training_rows` of its own."""
        return type(self).training_rows is not TargetAwareCalculator.training_rows


class StreamingTargetAwareCalculator(TargetAwareCalculator[ConfigT]):
    """A target-aware calculator that learns with queries over a lazy frame, which holds the target as a column."""

    streaming: ClassVar[bool] = True

    @abstractmethod
    def learn(self, frame: pl.LazyFrame, target: str, config: ConfigT) -> Params:
        """Learn from the training rows: the statistics of all columns in one query. Raises DataError."""

    def fit(self, data: pl.DataFrame, target: pl.Series, config: ConfigT) -> Params:
        """Learn from a frame in memory: the same query."""
        return self.learn(data.with_columns(target).lazy(), target.name, config)


class Resampler(NodeBase[ConfigT]):
    """Makes another set of training rows out of the training rows (kind `row_changing`), registered without Applier."""

    kind: ClassVar[Kind] = Kind.ROW_CHANGING

    @abstractmethod
    def resample(self, features: pl.DataFrame, target: pl.Series, config: ConfigT) -> tuple[pl.DataFrame, pl.Series]:
        """Return the new training rows and their targets, equally long; columns and types stay. Raises DataError."""

    def repeats_rows(self, config: ConfigT) -> bool:
        """Say that it does; one that only leaves rows out answers otherwise."""
        return True

    def infer_schema(self, schema: Schema, config: ConfigT) -> Schema:
        """Return the same columns."""
        return schema
