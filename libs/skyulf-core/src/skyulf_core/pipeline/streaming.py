"""Training on rows that memory does not hold: every node learns by queries over what comes out of those before it."""

from __future__ import annotations

from typing import cast

import polars as pl
from pydantic import JsonValue

from skyulf_core.data.frames import normalise_lazy
from skyulf_core.fitted import FittedPipeline, FittedStep
from skyulf_core.nodes.base import (
    Kind,
    LazyApplier,
    Splitter,
    StreamingCalculator,
    StreamingTargetAwareCalculator,
)
from skyulf_core.params import Params
from skyulf_core.pipeline.fitting import Report
from skyulf_core.pipeline.fusing import refuse_values, scan_chain
from skyulf_core.pipeline.learning import learning
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode
from skyulf_core.pipeline.targets import check_target_lazily
from skyulf_core.pipeline.walk import refuse_types
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema


def streams(resolved: Resolved) -> bool:
    """Say whether a pipeline learns from a LazyFrame without collecting it.

    It does where there is no model, no row is held out, every node streams, and what is learned after a target-aware
    node is nothing: in memory such a node would see cross-fitted values.
    """
    kinds = [step.entry.kind for step in resolved.known_steps]
    after_target = kinds[kinds.index(Kind.TARGET_AWARE) + 1 :] if Kind.TARGET_AWARE in kinds else []
    return (
        resolved.linear
        and resolved.model is None
        and all(kind is Kind.STATELESS for kind in after_target)
        and all(_streams(step) for step in resolved.known_steps)
    )


def _streams(step: ResolvedNode) -> bool:
    calculator = step.entry.calculator
    if isinstance(calculator, Splitter):
        return not calculator.holds_out
    return calculator.streaming and isinstance(step.entry.applier, LazyApplier)


def fit_streaming(resolved: Resolved, frame: pl.LazyFrame, schema: Schema, report: Report) -> FittedPipeline:
    """Return what the nodes learn from a lazy frame; memory stays flat however many rows it has.

    The params are those of a fit in memory. Raises DataError.
    """
    target = resolved.target
    current = normalise_lazy(frame, schema)
    steps: list[FittedStep] = []
    with pl.Config() as settings:
        settings.set_engine_affinity("streaming")
        if not cast("int", frame.select(pl.len()).collect().item()):
            raise DataError("there are no rows to learn from", reason="too-few-rows")
        if target is not None:
            dropped = bool(getattr(resolved.splitter and resolved.splitter.config, "drop_missing_target", False))
            check_target_lazily(current, target, nulls_allowed=dropped)
            current = current.filter(pl.col(target).is_not_null()) if dropped else current
        for index, node in enumerate(resolved.known_steps):
            report(index / (len(resolved.known_steps) + 1), node.entry.name)
            with learning(node.entry.name):
                step = _learned(node, current, target)
                refuse_values(step, current)
            current = scan_chain((step,), current)
            steps.append(step)
    inputs = schema if target is None else schema.drop([target])
    return FittedPipeline(config=resolved.to_dict(), input_schema=inputs, steps=tuple(steps), target=target)


def _learned(node: ResolvedNode, frame: pl.LazyFrame, target: str | None) -> FittedStep:
    calculator, params = node.entry.calculator, Params()
    if not isinstance(calculator, Splitter):
        refuse_types(node.entry, node.parsed, frame.collect_schema())
    if isinstance(calculator, StreamingTargetAwareCalculator):
        if target is None:
            raise DataError("this node needs a target; add a splitter that names one", reason="missing-target")
        params = calculator.learn(frame, target, node.parsed)
    elif isinstance(calculator, StreamingCalculator):
        features = frame if target is None else frame.drop(target)
        params = calculator.learn(features, node.parsed)
    dumped = cast("dict[str, JsonValue]", node.parsed.model_dump(mode="json"))
    return FittedStep(node.placed.id, node.entry.name, dumped, params)
