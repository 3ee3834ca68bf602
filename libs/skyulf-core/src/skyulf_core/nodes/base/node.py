"""What every kind of node declares."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Generic

from skyulf_core.nodes.base.config import ConfigT, NodeConfig, config_model_of
from skyulf_core.problems import Problem
from skyulf_core.schema import Dtype, Schema


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
