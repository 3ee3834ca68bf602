"""The pattern of every node: a Config, a Calculator that learns, an Applier that applies.

A node is one file below `skyulf_core.nodes` (a model: below `skyulf_core.models`)::

    class ClipConfig(NodeConfig): ...                       # the single source of defaults, choices and help

    class ClipApplier(Applier):
        def apply(self, data, params): ...                  # pure: polars frame in, polars frame out
        def plan(self, params): ...                         # the same, as operations of the serving plan

    @NodeRegistry.register("Clip", ClipApplier)
    class ClipCalculator(Calculator[ClipConfig]):
        family, kind, keywords = "outliers", Kind.LEARNED, ("clip", "cap")
        def fit(self, data, config): ...                    # training rows only; returns Params
        def infer_schema(self, schema, config): ...         # the columns that come out, without data

Frames inside the library are polars DataFrames of these dtypes only: Int64 (or another integer width), Float64
(or Float32), Boolean, String, Date, Datetime("us") without zone (UTC), Time, Duration. Missing is null, never NaN.
The target is never among the columns that a Calculator sees, unless the node is target-aware.

Bases for what a node can do more: `StreamingCalculator` learns from rows that memory does not hold, `LazyApplier` lets
a run of nodes become one query, `RowApplier` and `Resampler` change training rows, `Splitter` makes the splits;
`skyulf_core.nodes.combiner` has the bases of nodes that make one table of several.

Models follow the same pattern with `ModelCalculator` and `ModelApplier`; see there for what they are given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeAlias, TypeVar, get_args, get_origin

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, field_validator

from skyulf_core.params import Params
from skyulf_core.problems import Problem
from skyulf_core.schema import Dtype, Schema

if TYPE_CHECKING:
    import polars as pl

    from skyulf_core.serving.ops import Op

Task: TypeAlias = Literal["classification", "regression"]
Label: TypeAlias = bool | int | float | str


class Kind(StrEnum):
    """How pipelines treat a node, so that the classic faults cannot be written."""

    STATELESS = "stateless"
    """Nothing is learned; may stand before the split."""
    LEARNED = "learned"
    """Params come from training rows; before the split it is a leakage error."""
    TARGET_AWARE = "target_aware"
    """As learned, and reads the target."""
    ROW_CHANGING = "row_changing"
    """Drops or adds rows of the training split; never at predict, never on test rows."""
    HISTORY = "history"
    """Reads earlier rows; keeps their order."""
    SPLITTER = "splitter"
    """Makes the splits; once per path."""


class NodeConfig(BaseModel):
    """Base of every node's configuration: immutable, unknown keys are refused, one title and help text per field."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_fit(cls, value: object) -> object:
        """Refuse whole numbers that no machine word holds; libraries below would end in an error of their own."""
        if not _fits(value):
            raise ValueError(f"whole numbers are at most {_LARGEST}")
        return value

    def named_columns(self) -> Iterator[tuple[str, str]]:
        """Yield (pointer below the config, column name) for every input column that the configuration names."""
        for index, name in enumerate(getattr(self, "columns", None) or ()):
            yield f"/columns/{index}", name

    def named_files(self) -> Iterator[tuple[str, str]]:
        """Yield (pointer below the config, path) for every file or folder that the node reads when it learns."""
        yield from ()


ConfigT = TypeVar("ConfigT", bound=NodeConfig)


_LARGEST = 2**63 - 1


def _fits(value: object) -> bool:
    if isinstance(value, int):
        return -_LARGEST <= value <= _LARGEST
    if isinstance(value, Mapping):
        return all(map(_fits, value.values()))
    return not isinstance(value, list | tuple) or all(map(_fits, value))


def config_model_of(cls: type) -> type[NodeConfig] | None:
    """Return the `Config` of a class that was declared as `Calculator[Config]` (or a model or splitter of it)."""
    for base in getattr(cls, "__orig_bases__", ()):
        for argument in get_args(base) if get_origin(base) else ():
            if isinstance(argument, type) and issubclass(argument, NodeConfig):
                return argument
    return None


class NodeBase(ABC, Generic[ConfigT]):
    """What every kind of node declares. The first line of its docstring is the summary that people see."""

    family: ClassVar[str]
    kind: ClassVar[Kind]
    keywords: ClassVar[tuple[str, ...]] = ()
    accepts: ClassVar[frozenset[Dtype] | None] = None
    """Logical types that named columns may have; None: any but `other`."""
    examples: ClassVar[tuple[Mapping[str, object], ...]] = ({},)
    """Configurations that work on `skyulf_core.testing.sample_frame()`; `check_node` checks the node with each."""
    sample_target: ClassVar[str] = "label"
    """The target of the sample that a target-aware node is checked with: `label` (three texts) or `value` (float)."""
    streaming: ClassVar[bool] = False
    """Whether it learns from a LazyFrame larger than memory; set by the Streaming… bases."""
    extra: ClassVar[str | None] = None
    """The extra of this package that the node needs (`pip install 'skyulf-core[extra]'`), where it needs one."""
    portable: ClassVar[bool] = True
    """Whether what it learns is plain data; False where it stores a library's own format."""
    reference: ClassVar[str] = ""
    """What it is compared with in the tests: `sklearn.preprocessing.MinMaxScaler`, or a formula in words."""
    tolerance: ClassVar[float] = 1e-9
    """How far it may be from its reference; 0 where they agree to the last bit."""
    accepts_missing: ClassVar[bool] = True
    """Whether the columns it works on may hold nulls; otherwise they are refused by name."""
    order_matters: ClassVar[bool] = False
    """Whether rows in another order teach something else, as where the first rows are kept."""
    mixes_rows: ClassVar[bool] = False
    """Whether a training row gets what other training rows hold: those of its group, its neighbours, earlier ones."""
    config_model: ClassVar[type[NodeConfig]]

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        found = config_model_of(cls)
        if found is not None:
            cls.config_model = found

    def check(self, schema: Schema, config: ConfigT) -> list[Problem]:
        """Return what only this node knows to be wrong; pointers are relative to the config (`/strategy`).

        Unknown columns and types that `accepts` excludes are found by the framework before.
        """
        return []

    def repeats_rows(self, config: ConfigT) -> bool:
        """Say whether a training row may come out twice, or others made after it: nothing may cross-fit behind that."""
        return False


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


class Applier:
    """Applies what was learned. Pure: the same params and rows give the same rows, whatever came before."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the changed frame; columns that the node does not know pass through."""
        raise TypeError(f"{type(self).__name__} does not apply to columns")

    def plan(self, params: Params) -> list[Op]:
        """Return the same change as operations of the serving plan; empty for nodes that never run at predict."""
        return []


class LazyApplier(Applier):
    """An applier whose work is one polars query, so that a run of such nodes becomes one fused query."""

    @abstractmethod
    def transform(self, frame: pl.LazyFrame, params: Params) -> pl.LazyFrame:
        """Return the query of the changed frame; columns that the node does not know pass through."""

    def fuses(self, params: Params) -> bool:
        """Say whether `transform` is all there is to it; False where `refuse` must look at values before."""
        return True

    def refuse(self, frame: pl.LazyFrame, params: Params) -> None:
        """Raise DataError for the first value that the node refuses, found by queries that hold no rows.

        Asked only where `fuses` says no. Memory and stream ask the same, so that both refuse with the same words.
        """
        raise TypeError(f"{type(self).__name__} does not say which values it refuses")

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the changed frame. Raises DataError for values that the node refuses."""
        if not self.fuses(params):
            self.refuse(data.lazy(), params)
        return self.transform(data.lazy(), params).collect()


class RowApplier(Applier):
    """Applier of a row-changing node: says which rows of the training split remain."""

    @abstractmethod
    def rows(self, data: pl.DataFrame, params: Params) -> NDArray[np.int64]:
        """Return positions of the rows to keep, in order; twice only where the calculator `repeats_rows`."""

    def apply(self, data: pl.DataFrame, params: Params) -> pl.DataFrame:
        """Return the remaining rows."""
        return data[self.rows(data, params)]


@dataclass(frozen=True)
class SplitRows:
    """Row positions of each split, in the order in which the splits hold them."""

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    validation: NDArray[np.int64] | None = None


class Splitter(NodeBase[ConfigT]):
    """Chooses the rows of the splits. Its config names the target in a field `target`."""

    kind: ClassVar[Kind] = Kind.SPLITTER
    holds_out: ClassVar[bool] = True
    """Whether some rows are kept from training, to judge on."""

    @abstractmethod
    def split(self, data: pl.DataFrame, config: ConfigT, *, task: Task | None) -> SplitRows:
        """Return the rows of each split of a frame that still holds its target. Raises DataError."""

    @abstractmethod
    def target(self, config: ConfigT) -> str | None:
        """Return the target's name."""


class ModelCalculator(NodeBase[ConfigT]):
    """Trains a model. Registered as a node with `family = "models"`.

    What `fit` is given: `features`, a polars frame of numeric and boolean columns only, finite or null (null only
    where `accepts_missing`), all of the training rows, columns in the order of the fitted schema; `target`, aligned
    with it and without nulls:
    for a classification int64 codes 0 … k-1 into `classes` (sorted as numpy sorts the labels; every code occurs),
    for a regression float64.
    """

    family: ClassVar[str] = "models"
    kind: ClassVar[Kind] = Kind.TARGET_AWARE
    task: ClassVar[Task]
    accepts_missing: ClassVar[bool] = False  # the pipeline refuses nulls by name before `fit`

    @abstractmethod
    def fit(self, features: pl.DataFrame, target: NDArray[np.generic], config: ConfigT) -> Params:
        """Train; return arrays and JSON values, never an estimator. Raises DataError."""


class ModelApplier(ABC):
    """Predicts with what a ModelCalculator returned. `features` is the frame described there, any number of rows."""

    @abstractmethod
    def predict(self, features: pl.DataFrame, params: Params) -> NDArray[np.generic]:
        """Return int64 class codes (classification) or float64 values (regression), one per row."""

    def predict_proba(self, features: pl.DataFrame, params: Params) -> NDArray[np.float64] | None:
        """Return probabilities (rows x classes, in the order of the codes); None for a regression."""
        return None

    @abstractmethod
    def plan(self, params: Params, *, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        """Return the operations from feature values to the prediction (with `decode` for a classification).

        `features` are the columns of the frame in order; `classes` the labels of the codes, None for a regression.
        """
