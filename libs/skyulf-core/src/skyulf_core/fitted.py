"""A pipeline after training, as data: what a bundle stores and what predictions need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import JsonValue

from skyulf_core.params import Params
from skyulf_core.problems import NotFittedError
from skyulf_core.schema import Schema

if TYPE_CHECKING:
    from skyulf_core.evaluation import Evaluation
    from skyulf_core.nodes.base import Label, Task
    from skyulf_core.serving.conformal import Conformal
    from skyulf_core.serving.ops import Op
    from skyulf_core.validation.calibration import Calibration
    from skyulf_core.validation.thresholds import Threshold


@dataclass(frozen=True)
class FittedStep:
    """One node with its full configuration (defaults filled in) and what it learned.

    Splitters and row-changing nodes are here too (in the order of the pipeline), with params that predictions ignore.
    `inputs` are ids of the steps, or names of the sources, that it reads; None: what comes out of the step before it.
    `columns` are those that come out of it; None where an older bundle did not say.
    """

    id: str
    node: str
    config: dict[str, JsonValue]
    params: Params
    inputs: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class FittedModel:
    """The model: its node, configuration and params, and the features in the order it was trained with."""

    node: str
    config: dict[str, JsonValue]
    params: Params
    features: tuple[str, ...]


@dataclass(frozen=True)
class Golden:
    """Rows with the answers that were right when the pipeline was trained; every copy must repeat them.

    `rows` are raw input rows as JSON values (dates in ISO 8601); `probabilities` is None for a regression; `scores` are
    those of a detector of anomalies; numbers agree within `tolerance`, labels exactly. A pipeline without a model has
    `rows` only.
    """

    rows: list[dict[str, JsonValue]]
    predictions: list[JsonValue] = field(default_factory=list)
    probabilities: list[dict[str, float]] | None = None
    tolerance: float = 1e-9
    scores: list[float] | None = None


@dataclass(frozen=True)
class FittedPipeline:
    """Everything that training made.

    `input_schema` holds every column of the training data but the target; `optional_columns` are those that no answer
    depends on. `config` is the pipeline's configuration with defaults filled in. `classes` are the labels of the codes
    that a classifier returns, JSON scalars in sorted order; None for a regression. A clustering with probabilities has
    its clusters there. Where a model learns without a target, `target` is only what it may be compared with.
    Probabilities are corrected by `calibration`, labels chosen by `threshold`; `conformal` makes intervals or sets of
    answers, where they are asked for. `background` are training rows that explanations compare with, as JSON values.
    """

    config: dict[str, JsonValue]
    input_schema: Schema
    steps: tuple[FittedStep, ...]
    model: FittedModel | None = None
    task: Task | None = None
    target: str | None = None
    classes: tuple[Label, ...] | None = None
    evaluation: Evaluation | None = None
    golden: Golden | None = None
    threshold: Threshold | None = None
    calibration: Calibration | None = None
    conformal: Conformal | None = None
    background: list[dict[str, JsonValue]] | None = None

    def decisions(self) -> dict[str, object]:
        """Return, as JSON values, what was learned from the model's answers to rows that it had not learned from."""
        learned = {"threshold": self.threshold, "calibration": self.calibration, "conformal": self.conformal}
        return {name: each.to_dict() for name, each in learned.items() if each is not None}

    @property
    def linear(self) -> bool:
        """Whether every step reads what the step before it gives."""
        return all(step.inputs is None for step in self.steps)

    def optional_columns(self) -> frozenset[str]:
        """Return input columns that new rows need not have: nothing that is predicted depends on them.

        One whose null some step refuses is not among them: a column that is left out is null.
        """
        names = frozenset(self.input_schema.names)
        if self.model is None:
            return names & self._dropped()
        from skyulf_core.serving.plan import answers

        needed = answers(self.task, classes=self.classes is not None)
        for op in reversed(self.plan()):
            live = op.restrict(needed)
            needed = needed if live is None else live.needed(needed)
        origins = {name: frozenset({name}) for name in names}
        refused = frozenset[str]().union(*(op.trace(origins) for op in self.step_ops()))
        return names - needed - refused

    def _dropped(self) -> frozenset[str]:
        """Return the columns that the first steps drop, before any step could have read them."""
        dropped: set[str] = set()
        for step in self.steps if self.linear else ():
            if step.node == "DropColumns":
                dropped.update(step.params.strings("columns"))
            elif step.params:
                break
        return frozenset(dropped)

    def plan(self) -> list[Op]:
        """Return the serving plan: operations from one input row to the prediction."""
        ops, names = self._named_ops()
        if self.model is None:
            return ops
        model_ops = self._model_ops(self.model, [names(name) for name in self.model.features], self.classes)
        return ops + self._decided(model_ops)

    def _decided(self, ops: list[Op]) -> list[Op]:
        """Return the operations of the model with its calibration and threshold in place of the plain decision."""
        from skyulf_core.serving.ops import Decide, Decode

        if self.classes is None or (self.threshold is None and self.calibration is None):
            return ops
        if not isinstance(ops[-1], Decode):
            raise NotFittedError("The plan of this model ends without a decision that a threshold could replace.")
        calibrated = [] if self.calibration is None else [self.calibration.op()]
        if self.threshold is not None and self.threshold.of_second is None:
            return [*ops[:-1], *calibrated, Decide(self.classes, self.threshold.values)]
        second = None if self.threshold is None else self.threshold.of_second
        return [*ops[:-1], *calibrated, Decode(self.classes, "probabilities", second)]

    def step_ops(self) -> list[Op]:
        """Return the part of the plan before the model."""
        return self._named_ops()[0]

    def plan_features(self) -> list[str]:
        """Return what the plan calls the features that the model is given. Empty without a model."""
        names = self._named_ops()[1]
        return [] if self.model is None else [names(name) for name in self.model.features]

    def origins(self, features: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """Return the input columns that each of these features is made of, in the order of the input."""
        from skyulf_core.serving.explaining.sums import origins_of

        ops, names = self._named_ops()
        named = origins_of(ops, [names(feature) for feature in features], self.input_schema.names)
        return dict(zip(features, named, strict=True))

    def _named_ops(self) -> tuple[list[Op], Callable[[str], str]]:
        """Return the operations before the model, and how they call the columns that come out of the last step."""
        from skyulf_core.nodes.base import Applier
        from skyulf_core.nodes.registry import NodeRegistry
        from skyulf_core.pipeline.planning import graph_ops

        if not self.linear:
            return graph_ops(self)
        ops: list[Op] = []
        for step in self.steps:
            applier = NodeRegistry.get(step.node).applier
            if isinstance(applier, Applier):
                ops += applier.plan(step.params)
        return ops, str

    @staticmethod
    def _model_ops(model: FittedModel, features: Sequence[str], classes: Sequence[Label] | None) -> list[Op]:
        from skyulf_core.nodes.base import ModelApplier
        from skyulf_core.nodes.registry import NodeRegistry

        applier = NodeRegistry.get(model.node).applier
        if not isinstance(applier, ModelApplier):
            raise NotFittedError(f"{model.node} is not a model")
        return applier.plan(model.params, features=features, classes=classes)
