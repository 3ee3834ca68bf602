"""FeatureTargetSplit: the target named, nothing held out."""

from __future__ import annotations

import numpy as np
import polars as pl

from skyulf_core.nodes.base import SplitRows, Splitter, Task
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.nodes.splitting.common import SplitConfig, target_problems, usable_rows
from skyulf_core.problems import DataError, Problem
from skyulf_core.schema import Schema


class FeatureTargetSplitConfig(SplitConfig):
    """What to predict."""


@NodeRegistry.register("FeatureTargetSplit")
class FeatureTargetSplitter(Splitter[FeatureTargetSplitConfig]):
    """Name the target and train on all rows; nothing is held out, so nothing is judged.

    For data whose test rows lie elsewhere (give them to `Pipeline.evaluate`), and for the last training before use.
    Rows keep the order of the frame.

    >>> data = pl.DataFrame({"x": [1, 2, 3], "y": [0, 1, None]})
    >>> config = FeatureTargetSplitConfig(target="y", drop_missing_target=True)
    >>> FeatureTargetSplitter().split(data, config, task=None).train.tolist()
    [0, 1]

    >>> FeatureTargetSplitter().split(data, FeatureTargetSplitConfig(target="z"), task=None)
    Traceback (most recent call last):
    skyulf_core.problems.DataError: missing columns: 'z'; the columns are: 'x', 'y'
    """

    family = "splitting"
    keywords = ("target", "label", "all rows", "no holdout", "features")
    examples = ({"target": "label"}, {"target": "plan", "drop_missing_target": True})
    holds_out = False
    reference = "every row, as it comes"
    tolerance = 0

    def target(self, config: FeatureTargetSplitConfig) -> str | None:
        """Return the column to predict."""
        return config.target

    def check(self, schema: Schema, config: FeatureTargetSplitConfig) -> list[Problem]:
        """Refuse a target that is neither number, boolean nor text."""
        return target_problems(schema, config.target)

    def split(self, data: pl.DataFrame, config: FeatureTargetSplitConfig, *, task: Task | None) -> SplitRows:
        """Return all rows for training."""
        rows = usable_rows(data, config)
        if not len(rows):
            raise DataError("no row has a target", reason="too-few-rows", column=config.target)
        return SplitRows(rows, np.zeros(0, np.int64))
