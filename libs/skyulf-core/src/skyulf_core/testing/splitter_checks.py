"""What a splitter promises."""

from __future__ import annotations

from typing import cast

from skyulf_core.nodes.base import NodeConfig, SplitRows, Splitter
from skyulf_core.testing.compare import require, require_same_frame
from skyulf_core.testing.node_checks import Case


def _split(case: Case) -> SplitRows:
    return cast("Splitter[NodeConfig]", case.calculator).split(case.frame, case.config, task=None)


def splits_do_not_overlap(case: Case) -> None:
    """No row is in two splits, or in one of them twice."""
    rows = _split(case)
    everything = [
        *rows.train.tolist(),
        *rows.test.tolist(),
        *(() if rows.validation is None else rows.validation.tolist()),
    ]
    require(len(set(everything)) == len(everything), "a row is in two splits")
    require(set(everything) <= set(range(case.frame.height)), "a split holds rows that do not exist")
    held_out = cast("Splitter[NodeConfig]", case.calculator).holds_out
    require(len(rows.train) > 0 and (len(rows.test) > 0) is held_out, "a split is empty")


def splits_repeat(case: Case) -> None:
    """The same frame and configuration give the same splits, and the frame stays as it was."""
    before = case.frame.clone()
    first, second = _split(case), _split(case)
    require(first.train.tolist() == second.train.tolist(), "training rows change from run to run")
    require(first.test.tolist() == second.test.tolist(), "test rows change from run to run")
    require_same_frame(case.frame, before, "input after split", exact=True)


def target_is_named(case: Case) -> None:
    """The splitter names its target."""
    target = cast("Splitter[NodeConfig]", case.calculator).target(case.config)
    require(target is None or target in case.frame.columns, f"target {target!r} is no column")


SPLITTER_CHECKS = (splits_do_not_overlap, splits_repeat, target_is_named)
