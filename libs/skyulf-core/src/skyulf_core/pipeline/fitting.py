"""Training: nodes learn from the training rows only, one after the other, then the model does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeAlias, cast

import polars as pl
from pydantic import JsonValue

from skyulf_core.data.splits import Split, SplitDataset
from skyulf_core.fitted import FittedModel, FittedPipeline, FittedStep
from skyulf_core.nodes.base import (
    Calculator,
    Kind,
    ModelCalculator,
    Resampler,
    RowApplier,
    Splitter,
    TargetAwareCalculator,
    Task,
)
from skyulf_core.nodes.combiner import Combiner, CombinerApplier, Side
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.params import Params
from skyulf_core.pipeline.applying import check_features
from skyulf_core.pipeline.fusing import apply_step
from skyulf_core.pipeline.learning import learning
from skyulf_core.pipeline.provenance import makers_after, merged_makers
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode
from skyulf_core.pipeline.targets import check_target, classes_of, encoded
from skyulf_core.pipeline.walk import refuse_types
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema

Report: TypeAlias = Callable[[float, str], None]


@dataclass(frozen=True)
class Flow:
    """What a node gives: its rows in every split, who wrote each column last, and the raw rows until they are split.

    `splits` holds all rows as training rows until a splitter has run. `makers` is empty where nothing is merged.
    """

    splits: SplitDataset
    makers: Mapping[str, str] = field(default_factory=dict)
    raw: pl.DataFrame | None = None


class Trainer:
    """Runs one training. `data` are the tables by the name of their source; `schema` is that of the main one."""

    def __init__(self, resolved: Resolved, data: Mapping[str, pl.DataFrame], schema: Schema, report: Report) -> None:
        self._resolved, self._report = resolved, report
        self._target = resolved.target
        calculator = resolved.model.entry.calculator if resolved.model else None
        self.task: Task | None = calculator.task if isinstance(calculator, ModelCalculator) else None
        self.schema = schema if self._target is None else schema.drop([self._target])
        self.raw_test: pl.DataFrame | None = None
        self._merges = any(isinstance(step.entry.calculator, Combiner) for step in resolved.known_steps)
        self._readers = Counter(chain.from_iterable(resolved.wiring.values()))
        self._flows = {name: self._source(name, frame) for name, frame in data.items()}
        self.splits = self._flows[resolved.main_source].splits

    def _source(self, name: str, data: pl.DataFrame) -> Flow:
        main = name == self._resolved.main_source
        target = data[self._target] if main and self._target is not None else None
        features = data if target is None else data.drop(target.name)
        splits = SplitDataset(Split(features, target), Split(features.clear()))
        return Flow(splits, dict.fromkeys(features.columns, name), features if main else None)

    def run(self) -> FittedPipeline:
        """Train every step and the model; return what was learned (without evaluation and golden rows)."""
        if not len(self.splits.train):
            raise DataError("there are no rows to learn from", reason="too-few-rows")
        steps: list[FittedStep] = []
        nodes = self._resolved.known_steps
        for index, node in enumerate(nodes):
            self._report(index / (len(nodes) + 2), node.entry.name)
            with learning(node.entry.name):
                steps.append(self._run_node(node))
        fitted = FittedPipeline(
            config=self._resolved.to_dict(),
            input_schema=self.schema,
            steps=tuple(steps),
            task=self.task,
            target=self._target,
        )
        if self._resolved.model is None or self.task is None:
            return fitted
        self._report(len(nodes) / (len(nodes) + 2), self._resolved.model.entry.name)
        return self._with_model(fitted, self._resolved.model, self.task)

    def _run_node(self, node: ResolvedNode) -> FittedStep:
        """Run one node on what its inputs give, and keep what it gives until its last reader has run."""
        flows = [self._flows[name] for name in node.inputs]
        if isinstance(node.entry.calculator, Combiner):
            step, flow = _combined(node.entry.calculator, node, flows)
        else:
            step, flow = self._run_step(node, flows[0])
        self._readers.subtract(node.inputs)
        for name in node.inputs:
            if not self._readers[name]:
                self._flows.pop(name, None)
        self._flows[node.id], self.splits = flow, flow.splits
        columns = tuple(flow.splits.train.features.columns)
        return replace(step, inputs=None if self._resolved.linear else node.inputs, columns=columns)

    def _run_step(self, node: ResolvedNode, flow: Flow) -> tuple[FittedStep, Flow]:
        config, calculator, train = node.parsed, node.entry.calculator, flow.splits.train
        params, seen = Params(), None
        if not isinstance(calculator, Splitter):
            refuse_types(node.entry, config, train.features.schema)
        if isinstance(calculator, Splitter):
            return _step(node, params), self._split(calculator, node, flow)
        if isinstance(calculator, Resampler):
            return _step(node, params), replace(flow, splits=_resampled(calculator, node, flow.splits))
        if isinstance(calculator, TargetAwareCalculator):
            target = _known_target(train)
            params = calculator.fit(train.features, target, config)
            seen = calculator.training_rows(train.features, target, config, params)
        elif isinstance(calculator, Calculator):
            params = calculator.fit(train.features, config)
            seen = calculator.training_rows(train.features, config, params)
        step = _step(node, params)
        splits = _applied(node.entry, step, flow.splits, seen)
        return step, replace(flow, splits=splits, makers=self._makers(node, params, flow, splits))

    def _makers(self, node: ResolvedNode, params: Params, flow: Flow, splits: SplitDataset) -> dict[str, str]:
        if not self._merges:
            return {}
        return makers_after(node.id, node.entry, params, splits.train.features.columns, flow.makers)

    def _split(self, splitter: Splitter, node: ResolvedNode, flow: Flow) -> Flow:  # type: ignore[type-arg]
        whole = flow.splits.train
        data = whole.features
        if whole.target is not None:
            check_target(whole.target, nulls_allowed=bool(getattr(node.config, "drop_missing_target", False)))
            data = data.with_columns(whole.target)
        rows = splitter.split(data, node.parsed, task=self.task)
        validation = None if rows.validation is None else whole.take(rows.validation)
        if len(rows.test) and flow.raw is not None:
            self.raw_test = flow.raw[rows.test]
        return Flow(SplitDataset(whole.take(rows.train), whole.take(rows.test), validation), flow.makers)

    def _with_model(self, fitted: FittedPipeline, model: ResolvedNode, task: Task) -> FittedPipeline:
        features, target = self.splits.train.features, self.splits.train.target
        if target is None or not isinstance(model.entry.calculator, ModelCalculator):
            raise DataError("a model needs a target", reason="missing-target", node=model.entry.name)
        check_features(features, model.entry.name)
        check_target(target, nulls_allowed=False)
        classes = classes_of(target) if task == "classification" else None
        with learning(model.entry.name):
            params = model.entry.calculator.fit(features, encoded(target, task, classes), model.parsed)
        dumped = cast("dict[str, JsonValue]", model.parsed.model_dump(mode="json"))
        learned = FittedModel(model.entry.name, dumped, params, tuple(features.columns))
        return FittedPipeline(**{**vars(fitted), "model": learned, "classes": classes})


def _step(node: ResolvedNode, params: Params) -> FittedStep:
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
    return _step(node, params), Flow(SplitDataset(train, test, made[2]), makers, raw)


def _parts(splits: SplitDataset) -> tuple[Split, Split, Split | None]:
    return splits.train, splits.test, splits.validation
