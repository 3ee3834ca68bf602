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

from skyulf_core.nodes.base.appliers import Applier, LazyApplier, RowApplier
from skyulf_core.nodes.base.calculators import (
    Calculator,
    Resampler,
    StreamingCalculator,
    StreamingTargetAwareCalculator,
    TargetAwareCalculator,
)
from skyulf_core.nodes.base.config import ConfigT, NodeConfig, config_model_of
from skyulf_core.nodes.base.models import UNSUPERVISED, Label, ModelApplier, ModelCalculator, Task
from skyulf_core.nodes.base.node import Kind, NodeBase
from skyulf_core.nodes.base.splitting import SplitRows, Splitter

__all__ = [
    "UNSUPERVISED",
    "Applier",
    "Calculator",
    "ConfigT",
    "Kind",
    "Label",
    "LazyApplier",
    "ModelApplier",
    "ModelCalculator",
    "NodeBase",
    "NodeConfig",
    "Resampler",
    "RowApplier",
    "SplitRows",
    "Splitter",
    "StreamingCalculator",
    "StreamingTargetAwareCalculator",
    "TargetAwareCalculator",
    "Task",
    "config_model_of",
]
