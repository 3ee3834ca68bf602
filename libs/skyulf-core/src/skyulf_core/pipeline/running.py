"""Running one node: what it learns from the rows that its inputs give, and the rows that it gives itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import polars as pl
from pydantic import JsonValue

from skyulf_core.data.splits import Split, SplitDataset
from skyulf_core.fitted import FittedStep
from skyulf_core.nodes.base import (
    UNSUPERVISED,
    Calculator,
    Kind,
    ModelCalculator,
    Resampler,
    RowApplier,
    SplitRows,
    Splitter,
    TargetAwareCalculator,
    Task,
)
from skyulf_core.nodes.combiner import Combiner, CombinerApplier, Side
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.params import Params
from skyulf_core.pipeline.fusing import apply_step
from skyulf_core.pipeline.learning import learning
from skyulf_core.pipeline.provenance import makers_after, merged_makers
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.targets import check_target
from skyulf_core.pipeline.walk import refuse_types
from skyulf_core.pipeline.weighing import check_weights, weight_values
from skyulf_core.problems import DataError


@dataclass(frozen=True)
class Flow:
    """What a node gives: its rows in every split, who wrote each column last, and the raw rows until they are split.

    `splits` holds all rows as training rows until a splitter has run. `makers` is empty where nothing is merged.
    """

    splits: SplitDataset
    makers: Mapping[str, str] = field(default_factory=dict)
    raw: pl.DataFrame | None = None


def sources_of(resolved: Resolved, tables: Mapping[str, pl.DataFrame]) -> dict[str, Flow]:
    """Return the tables as nodes read them: target and weights apart from the features of the main one."""
    return {name: _source(resolved, name, table) for name, table in tables.items()}


def _source(resolved: Resolved, name: str, table: pl.DataFrame) -> Flow:
    main = name == resolved.main_source
    target = table[resolved.target] if main and resolved.target is not None else None
    weights = check_weights(table[resolved.weights]) if main and resolved.weights is not None else None
    features = table.drop(resolved.set_apart) if main else table
    splits = SplitDataset(Split(features, target, weights), Split(features.clear()))
    return Flow(splits, dict.fromkeys(features.columns, name), features if main else None)


class Runner:
    """Runs the nodes of one pipeline, each on what its inputs give. Holds no rows."""

    def __init__(self, resolved: Resolved) -> None:
        calculator = resolved.model.entry.calculator if resolved.model else None
        self.task: Task | None = calculator.task if isinstance(calculator, ModelCalculator) else None
        self._merges = any(isinstance(step.entry.calculator, Combiner) for step in resolved.known_steps)

    def run(self, node: ResolvedNode, flows: Sequence[Flow]) -> tuple[FittedStep, Flow]:
        """Return what a node learns, and what it gives. Raises DataError."""
        with learning(node.entry.name):
            if isinstance(node.entry.calculator, Combiner):
                return _combined(node.entry.calculator, node, flows)
            if isinstance(node.entry.calculator, Splitter):
                return step_of(node, Params()), divided(flows[0], self._split_rows(node.entry.calculator, node, flows))
            return self._run_step(node, flows[0])

    def split_rows(self, node: ResolvedNode, flow: Flow) -> SplitRows:
        """Return which rows a splitter gives to which split. Raises DataError."""
        with learning(node.entry.name):
            return self._split_rows(cast("Splitter[object]", node.entry.calculator), node, [flow])  # type: ignore[type-var]

    def _run_step(self, node: ResolvedNode, flow: Flow) -> tuple[FittedStep, Flow]:
        config, calculator, train = node.parsed, node.entry.calculator, flow.splits.train
        params, seen = Params(), None
        refuse_types(node.entry, config, train.features.schema)
        if isinstance(calculator, Resampler):
            return step_of(node, params), replace(flow, splits=_resampled(calculator, node, flow.splits))
        if isinstance(calculator, TargetAwareCalculator):
            target = _known_target(train)
            params = calculator.fit(train.features, target, config)
            seen = calculator.training_rows(train.features, target, config, params)
        elif isinstance(calculator, Calculator):
            params = calculator.fit(train.features, config)
            seen = calculator.training_rows(train.features, config, params)
        step = step_of(node, params)
        splits = _applied(node.entry, step, flow.splits, seen)
        return step, replace(flow, splits=splits, makers=self._makers(node, params, flow, splits))

    def _makers(self, node: ResolvedNode, params: Params, flow: Flow, splits: SplitDataset) -> dict[str, str]:
        if not self._merges:
            return {}
        return makers_after(node.id, node.entry, params, splits.train.features.columns, flow.makers)

    def _split_rows(
        self,
        splitter: Splitter,  # type: ignore[type-arg]
        node: ResolvedNode,
        flows: Sequence[Flow],
    ) -> SplitRows:
        whole = flows[0].splits.train
        data = whole.features
        if whole.target is not None and self.task in UNSUPERVISED:
            data = data.with_columns(whole.target)  # only compared with: nulls and one value teach nothing wrong
        elif whole.target is not None:
            check_target(whole.target, nulls_allowed=bool(getattr(node.config, "drop_missing_target", False)))
            data = data.with_columns(whole.target)
        return splitter.split(data, node.parsed, task=self.task)


def divided(flow: Flow, rows: SplitRows) -> Flow:
    """Return rows as a splitter divides them. Raises DataError for a part that weighs nothing."""
    whole = flow.splits.train
    validation = None if rows.validation is None else whole.take(rows.validation)
    splits = SplitDataset(whole.take(rows.train), whole.take(rows.test), validation)
    for part in (splits.train, splits.test):
        weight_values(part.weights)
    return Flow(splits, flow.makers)


def step_of(node: ResolvedNode, params: Params) -> FittedStep:
    """Return a node with what it has learned."""
    dumped = cast("dict[str, JsonValue]", node.parsed.model_dump(mode="json"))
    return FittedStep(node.id, node.entry.name, dumped, params)


def _known_target(train: Split) -> pl.Series:
    if train.target is None:
        raise DataError("this node needs a target; add a splitter that names one", reason="missing-target")
    return train.target


def _resampled(resampler: Resampler, node: ResolvedNode, splits: SplitDataset) -> SplitDataset:  # type: ignore[type-arg]
    features, target = resampler.resample(splits.train.features, _known_target(splits.train), node.parsed)
    if not len(target):
        raise DataError("no training row is left", reason="too-few-rows")
    return replace(splits, train=Split(features, target))


def _applied(entry: NodeEntry, step: FittedStep, splits: SplitDataset, seen: pl.DataFrame | None) -> SplitDataset:
    """Return the splits after a step; `seen` are the training rows where they differ from what the step makes."""
    train, test, validation = splits.train, splits.test, splits.validation
    if entry.kind is Kind.ROW_CHANGING and isinstance(entry.applier, RowApplier):
        train = train.take(entry.applier.rows(train.features, step.params))
        if not len(train):
            raise DataError("no training row is left", reason="too-few-rows")
        return SplitDataset(train, test, validation)
    return SplitDataset(
        train.with_features(apply_step(step, train.features) if seen is None else seen),
        test.with_features(apply_step(step, test.features)),
        None if validation is None else validation.with_features(apply_step(step, validation.features)),
    )


def _combined(
    combiner: Combiner,  # type: ignore[type-arg]
    node: ResolvedNode,
    flows: Sequence[Flow],
) -> tuple[FittedStep, Flow]:
    """Combine every split; the rows are those of the first input."""
    applier = node.entry.applier
    if not isinstance(applier, CombinerApplier):
        raise TypeError(f"{node.entry.name} is registered without a CombinerApplier")
    sides = [Side(name, flow.makers) for name, flow in zip(node.inputs, flows, strict=True)]
    params = combiner.fit([flow.splits.train.features for flow in flows], node.parsed, sides=sides)
    live = [flow for index, flow in enumerate(flows) if index not in combiner.reference_inputs]
    first, parts = flows[0].splits, [_parts(flow.splits) for flow in live]
    made: list[Split | None] = []
    for part, others in zip(_parts(first), zip(*parts, strict=True), strict=True):
        frames = [other.features for other in others if other is not None]
        made.append(None if part is None else part.with_features(applier.combine(frames, params)))
    train, test = cast("Split", made[0]), cast("Split", made[1])
    raw, rows = flows[0].raw, applier.rows(first.train.features, params)
    if rows is not None:
        train, raw = train.take(rows), None if raw is None else raw[rows]
        if not len(train):
            raise DataError("no row has a partner", reason="too-few-rows")
    makers = merged_makers(node.id, applier, params, train.features.columns, [flow.makers for flow in live])
    return step_of(node, params), Flow(SplitDataset(train, test, made[2]), makers, raw)


def _parts(splits: SplitDataset) -> tuple[Split, Split, Split | None]:
    return splits.train, splits.test, splits.validation
