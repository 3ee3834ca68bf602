"""Base learners in the configuration of a model that is made of models: a node each, with its own configuration."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task
from skyulf_core.nodes.registry import NodeEntry, NodeRegistry
from skyulf_core.problems import UnknownNodeError, did_you_mean

_DEEPEST = 20
"""Objects and lists inside of each other: models of models of models, no deeper."""
_MOST_SHOWN = 3


class Learner(BaseModel):
    """A model: the name of its node and its configuration, which is checked and filled up with its defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    node: str = Field(title="Model", description="Name of a model's node.")
    config: dict[str, JsonValue] = Field({}, title="Configuration", description="Parameters of that node.")
    _read: tuple[dict[str, JsonValue], NodeConfig] | None = PrivateAttr(None)

    @field_validator("config", mode="before")
    @classmethod
    def _not_endless(cls, value: object) -> object:
        level: list[object] = [value]
        for _ in range(_DEEPEST):
            level = [inner for outer in level for inner in _inside(outer)]
        if level:
            raise ValueError(f"models inside of models are at most {_DEEPEST} objects deep")
        return value

    @model_validator(mode="after")
    def _known(self) -> Self:
        try:
            entry = NodeRegistry.get(self.node)
        except UnknownNodeError as error:
            raise ValueError(str(error).removesuffix(".")) from None
        if not isinstance(entry.calculator, ModelCalculator):
            raise ValueError(f"the node {self.node} is no model")
        try:
            parsed = entry.config_model.model_validate(self.config)
        except ValidationError as error:
            raise ValueError(_sentence(self.node, entry.config_model, error)) from None
        object.__setattr__(self, "config", parsed.model_dump(mode="json"))
        self._read = self.config, parsed
        return self

    @property
    def entry(self) -> NodeEntry:
        """The registered node."""
        return NodeRegistry.get(self.node)

    @property
    def calculator(self) -> ModelCalculator[Any]:
        """What trains it."""
        return cast("ModelCalculator[Any]", self.entry.calculator)

    @property
    def parsed(self) -> NodeConfig:
        """Its configuration, checked."""
        # models inside of models ask for it at every level: read anew each time, the work would double with each
        if self._read is None or self._read[0] is not self.config:
            self._read = self.config, self.entry.config_model.model_validate(self.config)
        return self._read[1]

    @property
    def takes_missing(self) -> bool:
        """Whether it learns from features with nulls."""
        return self.calculator.takes_missing(self.parsed)

    @property
    def takes_weights(self) -> bool:
        """Whether it learns from rows with weights."""
        return self.calculator.takes_weights(self.parsed)

    def for_classes(self, classes: Sequence[Label], *, known: Sequence[Label]) -> Self:
        """Return it with codes of classes where its configuration names labels of the target. Raises DataError."""
        found = self.calculator.for_classes(self.parsed, classes, known=known, node=self.node)
        return self.model_copy(update={"config": found.model_dump(mode="json")})


class NamedLearner(Learner):
    """One of several base learners."""

    name: str = Field(min_length=1, max_length=100, title="Name", description="Tells it from the others.")


def check_task(learners: Sequence[Learner], task: Task) -> None:
    """Raise ValueError for a learner that predicts something else."""
    for learner in learners:
        if learner.calculator.task != task:
            raise ValueError(f"the model {learner.node} does {learner.calculator.task}, and {task} is asked for here")


def check_names(learners: Sequence[NamedLearner]) -> None:
    """Raise ValueError where a name stands twice."""
    names = Counter(learner.name for learner in learners)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None:
        raise ValueError(f"two estimators have the name {twice!r}; give each its own")


def calibrated(learners: Sequence[Learner], method: str | None) -> list[Learner]:
    """Return classifiers whose probabilities are calibrated, each by itself; as they are for None."""
    if method is None:
        return list(learners)
    inner: Callable[[Learner], JsonValue] = lambda learner: {"node": learner.node, "config": learner.config}  # noqa: E731
    return [
        Learner(node="calibrated_classifier", config={"estimator": inner(learner), "method": method})
        for learner in learners
    ]


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def _sentence(node: str, model: type[NodeConfig], error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    said = []
    for item in found[:_MOST_SHOWN]:
        place = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden" and len(item["loc"]) == 1:
            near = model.not_offered.get(place) or did_you_mean(place, model.model_fields)
            hint = near or f"It has: {', '.join(model.model_fields)}."
            said.append(f"the model {node} has no parameter {place!r}. {hint}")
        else:
            where = " ".join(filter(None, ("the model", node, place)))
            said.append(f"{where}: {item['msg'].removeprefix('Value error, ')}")
    return "; ".join(said).removesuffix(".")
