"""The rows of a pipeline up to its splitter: what every fold begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from skyulf_core.data.splits import Split
from skyulf_core.nodes.splitting.time_split import TimeSplitConfig
from skyulf_core.pipeline.learnable import check_learnable_rows
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode
from skyulf_core.pipeline.running import Flow, Runner, divided, sources_of
from skyulf_core.pipeline.wiring import downstream
from skyulf_core.problems import DataError, InvalidConfigError, Problem


@dataclass(frozen=True)
class Divided:
    """What the nodes up to the splitter gave, run once.

    `train` are the training rows that it chose, with the `makers` of their columns; `rows` are their places in `raw`:
    all rows as the data hold them. `validation_rows` is how many others it keeps for validation; `flows` are those of
    sources and nodes that nodes behind it read too.
    """

    splitter: ResolvedNode
    train: Split
    makers: Mapping[str, str]
    raw: pl.DataFrame
    rows: NDArray[np.int64]
    flows: Mapping[str, Flow]
    validation_rows: int = 0

    @property
    def time_column(self) -> str | None:
        """The column by which the splitter has put them in order."""
        config = self.splitter.config
        return config.column if isinstance(config, TimeSplitConfig) else None


def splitter_of(resolved: Resolved) -> ResolvedNode:
    """Return the splitter whose training rows a model learns from. Raises InvalidConfigError where there is none."""
    if resolved.splitter is None or resolved.model is None:
        missing = "model" if resolved.model is None else "splitter"
        message = f"Folds judge a model on rows that a splitter chose; this pipeline has no {missing}."
        hint = "Add a splitter that names the target (FeatureTargetSplit holds nothing out), and a model."
        raise InvalidConfigError([Problem("/model", message, "no-model", field="model", suggestion=hint)])
    return resolved.splitter


def before_splitter(resolved: Resolved) -> list[ResolvedNode]:
    """Return the nodes that do not come after the splitter, the splitter last."""
    splitter = splitter_of(resolved)
    after = downstream([splitter.id], resolved.wiring)
    before = [node for node in resolved.known_steps if node.id not in after and node.id != splitter.id]
    return [*before, splitter]


def divide(resolved: Resolved, tables: Mapping[str, pl.DataFrame]) -> Divided:
    """Run the nodes up to the splitter. Raises DataError for data that they refuse."""
    runner, flows = Runner(resolved), sources_of(resolved, tables)
    if not len(flows[resolved.main_source].splits.train):
        raise DataError("there are no rows to learn from", reason="too-few-rows")
    *before, splitter = before_splitter(resolved)
    for node in before:
        _, flows[node.id] = runner.run(node, [flows[name] for name in node.inputs])
    flow, behind = flows[splitter.inputs[0]], downstream([splitter.id], resolved.wiring)
    rows = runner.split_rows(splitter, flow)
    splits = divided(flow, rows).splits
    check_learnable_rows(splits, resolved)
    raw = flow.splits.train.features if flow.raw is None else flow.raw
    read = {name for node in resolved.known_steps if node.id in behind for name in node.inputs}
    kept = {name: found for name, found in flows.items() if name in read}
    held = None if splits.validation is None else len(splits.validation)
    return Divided(splitter, splits.train, flow.makers, raw, rows.train, kept, held or 0)
