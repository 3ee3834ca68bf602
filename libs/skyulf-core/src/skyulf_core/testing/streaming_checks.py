"""What a node promises that streams, or is part of a query."""

from __future__ import annotations

from typing import cast

import polars as pl

from skyulf_core.nodes.base import LazyApplier, NodeConfig, StreamingCalculator, StreamingTargetAwareCalculator
from skyulf_core.testing.compare import require_same_frame, require_same_params
from skyulf_core.testing.node_checks import Case


def learns_the_same_from_a_stream(case: Case) -> None:
    """A node that streams learns from a lazy frame, in the streaming engine, what it learns in memory."""
    if not case.calculator.streaming:
        return
    with pl.Config() as settings:
        settings.set_engine_affinity("streaming")
        if isinstance(case.calculator, StreamingTargetAwareCalculator):
            frame = case.data.with_columns(case.target).lazy()
            params = case.calculator.learn(frame, case.target.name, case.config)
        else:
            params = cast("StreamingCalculator[NodeConfig]", case.calculator).learn(case.data.lazy(), case.config)
    require_same_params(params, case.fit(case.data), "params")


def fuses_into_a_query(case: Case) -> None:
    """A node that is a query gives in the streaming engine, in the same order, what it gives in memory."""
    params = case.fit(case.data)
    if isinstance(case.applier, LazyApplier) and case.applier.fuses(params):
        found = case.applier.transform(case.data.lazy(), params).collect(engine="streaming")
        require_same_frame(found, case.applier.apply(case.data, params), "streaming")


STREAMING_CHECKS = (learns_the_same_from_a_stream, fuses_into_a_query)
