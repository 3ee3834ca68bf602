"""Training: nodes learn from the training rows only, one after the other, then the model does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.params import Params
from skyulf_core.pipeline.applying import check_features
from skyulf_core.pipeline.fusing import apply_step, naming
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode
from skyulf_core.pipeline.targets import check_target, classes_of, encoded
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema

Report: TypeAlias = Callable[[float, str], None]


class Trainer:
    """Runs one training. `splits` holds all rows as training rows until a splitter has run."""

    def __init__(self, resolved: Resolved, data: pl.DataFrame, schema: Schema, report: Report) -> None:
        self._resolved, self._report = resolved, report
        self._target = resolved.target
        calculator = resolved.model.entry.calculator if resolved.model else None
        self.task: Task | None = calculator.task if isinstance(calculator, ModelCalculator) else None
        self.schema = schema if self._target is None else schema.drop([self._target])
        self.raw_test: pl.DataFrame | None = None
        self._raw = data if self._target is None else data.drop(self._target)
        self.splits = SplitDataset(
            Split(self._raw, None if self._target is None else data[self._target]), Split(self._raw.clear())
        )
        self.classes = None

    def run(self) -> FittedPipeline:
        """Train every step and the model; return what was learned (without evaluation and golden rows)."""
        if not len(self.splits.train):
            raise DataError("there are no rows to learn from", reason="too-few-rows")
        steps: list[FittedStep] = []
        nodes = self._resolved.known_steps
        for index, node in enumerate(nodes):
            self._report(index / (len(nodes) + 2), node.entry.name)
            with naming(node.entry.name):
                steps.append(self._run_step(node))
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

    def _run_step(self, node: ResolvedNode) -> FittedStep:
        config, entry = node.parsed, node.entry
        params, seen = Params(), None
        train = self.splits.train
        if isinstance(entry.calculator, Splitter):
            self._split(entry.calculator, node)
        elif isinstance(entry.calculator, Resampler):
            self._resample(entry.calculator, node)
        elif isinstance(entry.calculator, TargetAwareCalculator):
            params = entry.calculator.fit(train.features, self._known_target(), config)
            seen = entry.calculator.training_rows(train.features, self._known_target(), config, params)
        elif isinstance(entry.calculator, Calculator):
            params = entry.calculator.fit(train.features, config)
            seen = entry.calculator.training_rows(train.features, config, params)
        dumped = cast("dict[str, JsonValue]", config.model_dump(mode="json"))
        step = FittedStep(node.placed.id, entry.name, dumped, params)
        if not isinstance(entry.calculator, Splitter | Resampler):
            self._apply(entry, step, seen)
        return step

    def _known_target(self) -> pl.Series:
        target = self.splits.train.target
        if target is None:
            raise DataError("this node needs a target; add a splitter that names one", reason="missing-target")
        return target

    def _resample(self, resampler: Resampler, node: ResolvedNode) -> None:  # type: ignore[type-arg]
        features, target = resampler.resample(self.splits.train.features, self._known_target(), node.parsed)
        if not len(target):
            raise DataError("no training row is left", reason="too-few-rows")
        self.splits = replace(self.splits, train=Split(features, target))

    def _split(self, splitter: Splitter, node: ResolvedNode) -> None:  # type: ignore[type-arg]
        whole = self.splits.train
        data = whole.features
        if whole.target is not None:
            check_target(whole.target, nulls_allowed=bool(getattr(node.config, "drop_missing_target", False)))
            data = data.with_columns(whole.target)
        rows = splitter.split(data, node.parsed, task=self.task)
        validation = None if rows.validation is None else whole.take(rows.validation)
        self.splits = SplitDataset(whole.take(rows.train), whole.take(rows.test), validation)
        self.raw_test = self._raw[rows.test] if len(rows.test) else None

    def _apply(self, entry: NodeEntry, step: FittedStep, seen: pl.DataFrame | None) -> None:
        train, test, validation = self.splits.train, self.splits.test, self.splits.validation
        if entry.kind is Kind.ROW_CHANGING and isinstance(entry.applier, RowApplier):
            train = train.take(entry.applier.rows(train.features, step.params))
            if not len(train):
                raise DataError("no training row is left", reason="too-few-rows")
            self.splits = SplitDataset(train, test, validation)
            return
        self.splits = SplitDataset(
            train.with_features(apply_step(step, train.features) if seen is None else seen),
            test.with_features(apply_step(step, test.features)),
            None if validation is None else validation.with_features(apply_step(step, validation.features)),
        )

    def _with_model(self, fitted: FittedPipeline, model: ResolvedNode, task: Task) -> FittedPipeline:
        features, target = self.splits.train.features, self.splits.train.target
        if target is None or not isinstance(model.entry.calculator, ModelCalculator):
            raise DataError("a model needs a target", reason="missing-target", node=model.entry.name)
        check_features(features, model.entry.name)
        check_target(target, nulls_allowed=False)
        classes = classes_of(target) if task == "classification" else None
        with naming(model.entry.name):
            params = model.entry.calculator.fit(features, encoded(target, task, classes), model.parsed)
        dumped = cast("dict[str, JsonValue]", model.parsed.model_dump(mode="json"))
        learned = FittedModel(model.entry.name, dumped, params, tuple(features.columns))
        return FittedPipeline(**{**vars(fitted), "model": learned, "classes": classes})
