"""What voting and stacking share: their base learners in the configuration, and how these are trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self, TypeVar, cast

import polars as pl
from pydantic import Field, JsonValue, field_validator, model_validator

from skyulf_core.models._learners import Learner, NamedLearner, calibrated, check_names, check_task
from skyulf_core.models._members import Member, Target, Weights, refuse_weights, train
from skyulf_core.nodes.base import Label, ModelCalculator, NodeConfig, Task

Calibration = Annotated[
    Literal["sigmoid", "isotonic"] | None,
    Field(
        title="Calibration",
        description="Calibrates the probabilities of every base learner on folds of its own; null: not.",
    ),
]


class EnsembleConfig(NodeConfig):
    """Configuration of a model made of several."""

    learns: ClassVar[Task]

    estimators: tuple[NamedLearner, ...] = Field(
        min_length=1, max_length=50, title="Models", description="The models, each with a name of its own."
    )

    @field_validator("estimators")
    @classmethod
    def _fit_together(cls, value: tuple[NamedLearner, ...]) -> tuple[NamedLearner, ...]:
        check_names(value)
        check_task(value, cls.learns)
        return value

    @model_validator(mode="after")
    def _classes_are_weighable(self) -> Self:
        check_weighable(self, [*self.estimators, *self.last_learners])
        return self

    @property
    def last_learners(self) -> list[Learner]:
        """The learners behind those: of a stack one."""
        return []

    @property
    def learners(self) -> list[Learner]:
        """The base learners, calibrated where that is asked for."""
        return calibrated(self.estimators, getattr(self, "calibration", None))

    def takes_missing(self) -> bool:
        """Say whether all models take nulls that reach them."""
        return all(learner.takes_missing for learner in self.estimators)

    def takes_weights(self) -> bool:
        """Say whether all models take weights of rows."""
        return all(learner.takes_weights for learner in self.estimators)


def check_weighable(config: object, learners: Sequence[Learner]) -> None:
    """Raise ValueError where classes shall be weighed, and a learner cannot weigh rows."""
    deaf = next((learner.node for learner in learners if not learner.takes_weights), None)
    if getattr(config, "class_weight", None) is not None and deaf is not None:
        raise ValueError(
            f"class_weight weighs the rows of classes, and {deaf} cannot weigh rows; leave class_weight out, or choose "
            "another model in its place"
        )


EnsembleT = TypeVar("EnsembleT", bound=EnsembleConfig)


class VotingConfig(EnsembleConfig):
    """Configuration of a vote."""

    weights: tuple[Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)], ...] | None = Field(
        None, title="Weights", description="How much each model counts; null: all the same."
    )

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.estimators):
            raise ValueError(f"{len(self.weights)} weights for {len(self.estimators)} estimators")
        if self.weights is not None and sum(self.weights) <= 0:
            raise ValueError("one of the weights must be above 0")
        return self


class MadeOfModels(ModelCalculator[EnsembleT]):
    """A model made of several, which takes what all of them take."""

    def space_of(self, config: EnsembleT) -> dict[str, Mapping[str, JsonValue]]:
        """Return its own parameters, and those of every model in it, by their addresses."""
        found: dict[str, Mapping[str, JsonValue]] = dict(self.search_space)
        for number, learner in enumerate(config.estimators):
            found |= dict(_within(f"estimators.{number}.config.", learner.calculator.space_of(learner.parsed)))
        return found

    def for_classes(
        self, config: EnsembleT, classes: Sequence[Label], *, known: Sequence[Label], node: str
    ) -> EnsembleT:
        """Return it, and every model in it, with codes of classes for labels of the target. Raises DataError."""
        own = super().for_classes(config, classes, known=known, node=node)
        inner = {"estimators": tuple(each.for_classes(classes, known=known) for each in config.estimators)}
        final = getattr(config, "final_estimator", None)
        last = {"final_estimator": final.for_classes(classes, known=known)} if isinstance(final, Learner) else {}
        return own.model_copy(update={**inner, **last})

    def takes_missing(self, config: EnsembleT) -> bool:
        """Say whether all models do, as far as nulls reach them."""
        return config.takes_missing()

    def takes_weights(self, config: EnsembleT) -> bool:
        """Say whether all models do."""
        return config.takes_weights()


def _within(prefix: str, space: Mapping[str, Mapping[str, JsonValue]]) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    """Yield the parameters of a model, and what they depend on, as they are called in the model around it."""
    for name, written in space.items():
        when = cast("dict[str, JsonValue]", written.get("when", {}))
        conditions = {"when": {f"{prefix}{other}": values for other, values in when.items()}} if when else {}
        yield prefix + name, {**written, **conditions}


def train_all(
    learners: Sequence[Learner],
    features: pl.DataFrame,
    target: Target,
    weights: Weights,
    *,
    node: str,
    classes: int = 0,
) -> list[Member]:
    """Train the learners, one after the other, on the same rows. Raises DataError."""
    refuse_weights(learners, weights, node)
    return [train(learner, features, target, weights, node=node, classes=classes) for learner in learners]
