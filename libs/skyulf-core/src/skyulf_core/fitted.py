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
    from skyulf_core.serving.ops import Op


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

    `rows` are raw input rows as JSON values (dates in ISO 8601); `probabilities` is None for a regression; numbers
    agree within `tolerance`, labels exactly. A pipeline without a model has `rows` only.
    """

    rows: list[dict[str, JsonValue]]
    predictions: list[JsonValue] = field(default_factory=list)
    probabilities: list[dict[str, float]] | None = None
    tolerance: float = 1e-9


@dataclass(frozen=True)
class FittedPipeline:
    """Everything that training made.

    `input_schema` holds every column of the training data but the target; `optional_columns` are those that no answer
    depends on. `config` is the pipeline's configuration with defaults filled in. `classes` are the labels of the codes
    that a classifier returns, JSON scalars in sorted order; None for a regression.
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
        from skyulf_core.serving.ops import PREDICTION, PROBABILITIES

        needed = frozenset({PREDICTION} if self.classes is None else {PREDICTION, PROBABILITIES})
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
        return ops + self._model_ops(self.model, [names(name) for name in self.model.features], self.classes)

    def step_ops(self) -> list[Op]:
        """Return the part of the plan before the model."""
        return self._named_ops()[0]

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
