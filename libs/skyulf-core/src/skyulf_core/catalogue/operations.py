"""Which operations of the serving plan a node becomes, found by fitting it on the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import polars as pl

from skyulf_core.nodes.base import Applier, Calculator, ModelApplier, ModelCalculator, NodeConfig, TargetAwareCalculator
from skyulf_core.nodes.combiner import Combiner, CombinerApplier
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.serving.ops import Op
from skyulf_core.testing.combiner_checks import Tables
from skyulf_core.testing.node_checks import Case
from skyulf_core.testing.samples import features, sample_frame

_MODEL_COLUMNS = ("number", "count", "flag")


def operations_of(entry: NodeEntry, config: Mapping[str, object] | None = None) -> list[Op]:
    """Return the plan of a node that was fitted on `sample_frame()`; empty for nodes that never run at predict.

    Without `config` the node's first example counts. Raises what the node raises.
    """
    raw = dict(config if config is not None else next(iter(entry.calculator.examples), {}))
    parsed = entry.config_model.model_validate(raw)
    sample = sample_frame()
    if isinstance(entry.applier, ModelApplier):
        return _model_plan(entry, parsed, sample)
    if isinstance(entry.applier, CombinerApplier):
        tables = Tables.of(Case.of(entry, raw))
        combiner = cast("Combiner[NodeConfig]", entry.calculator)
        return entry.applier.plan(combiner.fit(tables.frames, parsed, sides=tables.sides))
    if not isinstance(entry.applier, Applier):
        return []
    data = features(sample)
    if isinstance(entry.calculator, TargetAwareCalculator):
        params = entry.calculator.fit(data, sample[entry.calculator.sample_target], parsed)
    else:
        params = cast("Calculator[NodeConfig]", entry.calculator).fit(data, parsed)
    return entry.applier.plan(params)


def _model_plan(entry: NodeEntry, config: NodeConfig, sample: pl.DataFrame) -> list[Op]:
    model, applier = cast("ModelCalculator[NodeConfig]", entry.calculator), cast("ModelApplier", entry.applier)
    data = sample.select(_MODEL_COLUMNS).with_columns(pl.col("number").fill_null(0.0))
    if isinstance(model, UnsupervisedCalculator):
        params = model.learn(data, config)
        return applier.plan(params, features=data.columns, classes=model.clusters(params))
    if model.task == "regression":
        return applier.plan(model.fit(data, sample["value"].to_numpy(), config), features=data.columns, classes=None)
    classes, codes = np.unique(sample["label"].to_numpy(), return_inverse=True)
    params = model.fit(data, codes.astype(np.int64), config)
    return applier.plan(params, features=data.columns, classes=[str(label) for label in classes])
