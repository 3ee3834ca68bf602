"""Folds that go by the order of the rows, where a splitter leaves no order."""

from __future__ import annotations

from collections.abc import Iterator

from skyulf_core.nodes.splitting.train_test_split import TrainTestSplitConfig
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.problems import Problem
from skyulf_core.validation.config import CrossValidation, Nested, TimeSeries
from skyulf_core.validation.folds import UNSORTED


def order_problems(cv: CrossValidation, resolved: Resolved, pointer: str) -> Iterator[Problem]:
    """Yield a problem for each time_series without a column of time, over rows that a splitter shuffles."""
    splitter = None if resolved.splitter is None else resolved.splitter.config
    if not isinstance(splitter, TrainTestSplitConfig) or not splitter.shuffle:
        return
    parts = {"outer": cv.outer, "inner": cv.inner} if isinstance(cv, Nested) else {"": cv}
    for part, mode in parts.items():
        if isinstance(mode, TimeSeries) and mode.by is None:
            at = "/".join(filter(None, [pointer, part, "by"]))
            yield Problem(at, f"{UNSORTED}.", "unsorted-time", field="by")
