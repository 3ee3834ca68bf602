"""Training: nodes learn from the training rows only, one after the other, then the model does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeAlias, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import JsonValue

from skyulf_core.data.splits import Split
from skyulf_core.fitted import FittedModel, FittedPipeline, FittedStep
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Splitter, Task
from skyulf_core.nodes.unsupervised import UnsupervisedCalculator
from skyulf_core.params import Params
from skyulf_core.pipeline.applying import check_features
from skyulf_core.pipeline.learnable import check_features_vary, check_learnable_rows, in_codes
from skyulf_core.pipeline.learning import learning
from skyulf_core.pipeline.resolve import Resolved, ResolvedNode
from skyulf_core.pipeline.running import Flow, Runner, divided, sources_of, step_of
from skyulf_core.pipeline.targets import check_target, classes_of, encoded
from skyulf_core.pipeline.weighing import weight_values
from skyulf_core.problems import DataError
from skyulf_core.schema import Schema

Report: TypeAlias = Callable[[float, str], None]
NO_TARGET: NDArray[np.generic] = np.zeros(0)
"""What models are given that learn without a target, even where rows have one to compare with."""


class Trainer:
    """Runs one training. `data` are the tables by the name of their source; `schema` is that of the main one."""

    def __init__(self, resolved: Resolved, data: Mapping[str, pl.DataFrame], schema: Schema, report: Report) -> None:
        self._resolved, self._report, self._runner = resolved, report, Runner(resolved)
        self.schema = schema.drop(resolved.set_apart)
        self.raw_test: pl.DataFrame | None = None
        self._train: NDArray[np.integer] | None = None
        self.raw = data[resolved.main_source]  # what a join before the split leaves of it
        self._readers = Counter(chain.from_iterable(resolved.wiring.values()))
        self._flows = sources_of(resolved, data)
        self.splits = self._flows[resolved.main_source].splits

    def run(self) -> FittedPipeline:
        """Train every step and the model; return what was learned (without evaluation and golden rows)."""
        if not len(self.splits.train):
            raise DataError("there are no rows to learn from", reason="too-few-rows")
        steps: list[FittedStep] = []
        nodes = self._resolved.known_steps
        for index, node in enumerate(nodes):
            self._report(index / (len(nodes) + 2), node.entry.name)
            steps.append(self._run_node(node))
        fitted = FittedPipeline(
            config=self._resolved.to_dict(),
            input_schema=self.schema,
            steps=tuple(steps),
            task=self._runner.task,
            target=self._resolved.target,
        )
        if self._resolved.model is None or self._runner.task is None:
            return fitted
        self._report(len(nodes) / (len(nodes) + 2), self._resolved.model.entry.name)
        model, classes = learned_model(self._resolved.model, self._runner.task, self.splits.train)
        return replace(fitted, model=model, classes=classes)

    def some_train(self, most: int) -> pl.DataFrame:
        """Return up to so many of the raw rows that are learned from, drawn at random."""
        train = np.arange(self.raw.height) if self._train is None else self._train
        return self.raw[train if len(train) <= most else np.random.default_rng(0).choice(train, most, replace=False)]

    def _run_node(self, node: ResolvedNode) -> FittedStep:
        """Run one node on what its inputs give, and keep what it gives until its last reader has run."""
        flows = [self._flows[name] for name in node.inputs]
        step, flow = self._split(node, flows[0]) if _is_splitter(node) else self._runner.run(node, flows)
        self._readers.subtract(node.inputs)
        for name in node.inputs:
            if not self._readers[name]:
                self._flows.pop(name, None)
        self._flows[node.id], self.splits = flow, flow.splits
        columns = tuple(flow.splits.train.features.columns)
        return replace(step, inputs=None if self._resolved.linear else node.inputs, columns=columns)

    def _split(self, node: ResolvedNode, flow: Flow) -> tuple[FittedStep, Flow]:
        rows = self._runner.split_rows(node, flow)
        if flow.raw is not None:
            self.raw = flow.raw
            self.raw_test = flow.raw[rows.test] if len(rows.test) else None
            self._train = rows.train
        after = divided(flow, rows)
        check_learnable_rows(after.splits, self._resolved)
        return step_of(node, Params()), after


def _is_splitter(node: ResolvedNode) -> bool:
    return isinstance(node.entry.calculator, Splitter)


def learned_model(
    model: ResolvedNode, task: Task, train: Split, *, known: Sequence[Label] | None = None
) -> tuple[FittedModel, tuple[Label, ...] | None]:
    """Return what a model learns from the rows that come out of the last step, and the labels of its codes.

    `known` are labels that the target has elsewhere too. Raises DataError for rows that it cannot learn from.
    """
    features, target = train.features, train.target
    if isinstance(model.entry.calculator, UnsupervisedCalculator):
        check_features(features, model.entry.name, model.parsed)
        params = fit_model(model, features, NO_TARGET, weight_values(train.weights), model.parsed)
        return _fitted_model(model, params, features), model.entry.calculator.clusters(params)
    if target is None or not isinstance(model.entry.calculator, ModelCalculator):
        raise DataError("a model needs a target", reason="missing-target", node=model.entry.name)
    check_features_vary(features)  # steps may have left nothing that differs of columns that did
    check_features(features, model.entry.name, model.parsed)
    check_target(target, nulls_allowed=False)
    classes = classes_of(target) if task == "classification" else None
    codes = encoded(target, task, classes)
    chosen = model.parsed if classes is None else in_codes(model, classes, known=known or classes)
    params = fit_model(model, features, codes, weight_values(train.weights), chosen)
    return _fitted_model(model, params, features), classes


def _fitted_model(model: ResolvedNode, params: Params, features: pl.DataFrame) -> FittedModel:
    dumped = cast("dict[str, JsonValue]", model.parsed.model_dump(mode="json"))
    return FittedModel(model.entry.name, dumped, params, tuple(features.columns))


def fit_model(
    model: ResolvedNode,
    features: pl.DataFrame,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
    config: NodeConfig,
) -> Params:
    """Train a model on checked features and an encoded target. Raises DataError."""
    calculator = cast("ModelCalculator[NodeConfig]", model.entry.calculator)
    with learning(model.entry.name):
        return calculator.fit(features, target, config, weights=weights)
