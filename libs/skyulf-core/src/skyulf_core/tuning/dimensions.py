"""What a parameter may be: one of some values, a whole number or a number of a range."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast, overload

import numpy as np
from pydantic import JsonValue

if TYPE_CHECKING:
    from optuna.trial import Trial as OptunaTrial

MOST_VALUES = 1_000_000
"""So many values a range with steps may have."""
MOST_CHOICES = 1_000
"""So many values may be named."""


class Distribution(Protocol):
    """What scikit-learn's ParameterSampler draws from."""

    def rvs(self, *, random_state: np.random.RandomState) -> JsonValue:
        """Return one value."""


class Dimension(ABC):
    """The values of one parameter."""

    @abstractmethod
    def values(self) -> Sequence[JsonValue] | None:
        """Return all values in order; None where there is no end of them."""

    @abstractmethod
    def distribution(self) -> Sequence[JsonValue] | Distribution:
        """Return what scikit-learn's ParameterSampler takes."""

    @abstractmethod
    def suggest(self, trial: OptunaTrial, name: str) -> JsonValue:
        """Ask optuna for a value."""

    def encoded(self, value: JsonValue) -> JsonValue:
        """Return what optuna holds for a value that `suggest` returned."""
        return value

    @abstractmethod
    def samples(self) -> Sequence[JsonValue]:
        """Return the values that a node must accept for the range to be right: its ends and one between."""

    @abstractmethod
    def allows(self, value: JsonValue) -> bool:
        """Say whether a value may occur."""


@dataclass(frozen=True)
class Choices(Dimension):
    """One of some JSON values, which have no order."""

    options: tuple[JsonValue, ...]

    def values(self) -> Sequence[JsonValue]:
        """Return them."""
        return self.options

    def distribution(self) -> Sequence[JsonValue]:
        """Return them."""
        return self.options

    def suggest(self, trial: OptunaTrial, name: str) -> JsonValue:
        """Ask for the place of one: lists and objects are no values to optuna."""
        return self.options[trial.suggest_categorical(name, range(len(self.options)))]

    def encoded(self, value: JsonValue) -> JsonValue:
        """Return its place."""
        return self._places[key_of(value)]

    def samples(self) -> Sequence[JsonValue]:
        """Return all."""
        return self.options

    def allows(self, value: JsonValue) -> bool:
        """Say whether it is one of them (1 is not true)."""
        return key_of(value) in self._places

    @cached_property
    def _places(self) -> dict[Hashable, int]:
        return {key_of(option): index for index, option in enumerate(self.options)}


@dataclass(frozen=True)
class IntRange(Dimension):
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    def values(self) -> Sequence[int] | None:
        """Return all numbers; None for a logarithmic range."""
        return None if self.log else range(self.low, self.high + 1, self.step)

    def distribution(self) -> Sequence[JsonValue] | Distribution:
        """Return scikit-learn's usual distribution of whole numbers, or the steps."""
        if self.log:
            return LogIntegers(self.low, self.high)
        if self.step > 1:
            return list(range(self.low, self.high + 1, self.step))
        from scipy.stats import randint

        return cast("Distribution", Python(randint(self.low, self.high + 1)))

    def suggest(self, trial: OptunaTrial, name: str) -> JsonValue:
        """Ask for a whole number."""
        high = self.high - (self.high - self.low) % self.step
        return int(trial.suggest_int(name, self.low, high, step=self.step, log=self.log))

    def samples(self) -> Sequence[int]:
        """Return the ends and the middle."""
        return self.low, self.high, self.low + (self.high - self.low) // (2 * self.step) * self.step

    def allows(self, value: JsonValue) -> bool:
        """Say whether it is such a number."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
            return False
        return self.low <= value <= self.high and (int(value) - self.low) % self.step == 0


@dataclass(frozen=True)
class FloatRange(Dimension):
    """A number from `low` to `high`."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def values(self) -> Sequence[float] | None:
        """Return all numbers; None where there are no steps."""
        if self.step is None:
            return None
        return Steps(self.low, self.step, math.floor((self.high - self.low) / self.step + 1e-9) + 1)

    def distribution(self) -> Sequence[JsonValue] | Distribution:
        """Return scipy's uniform or loguniform, or the steps."""
        steps = self.values()
        if steps is not None:
            return cast("Sequence[JsonValue]", steps)
        from scipy.stats import loguniform, uniform

        found = loguniform(self.low, self.high) if self.log else uniform(self.low, self.high - self.low)
        return cast("Distribution", Python(found))

    def suggest(self, trial: OptunaTrial, name: str) -> JsonValue:
        """Ask for a number."""
        steps = self.values()
        if steps is None:
            return float(trial.suggest_float(name, self.low, self.high, log=self.log))
        return float(steps[trial.suggest_int(name, 0, len(steps) - 1)])

    def encoded(self, value: JsonValue) -> JsonValue:
        """Return the place of a step, or the value."""
        return value if self.step is None else round((float(str(value)) - self.low) / self.step)

    def samples(self) -> Sequence[float]:
        """Return the ends and one between that is no whole number."""
        steps = self.values()
        if steps is not None:
            return steps[0], steps[-1], steps[len(steps) // 2]
        return self.low, self.high, self.low + (self.high - self.low) * 0.381966

    def allows(self, value: JsonValue) -> bool:
        """Say whether it lies in the range."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Steps(Sequence[float]):
    """Numbers a step apart, each made when it is asked for: a space is checked without making a million of them."""

    low: float
    step: float
    length: int

    def __len__(self) -> int:
        return self.length

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...

    def __getitem__(self, index: int | slice) -> float | list[float]:
        places = range(self.length)[index]
        return self.low + places * self.step if isinstance(places, int) else [self.low + i * self.step for i in places]


@dataclass(frozen=True)
class LogIntegers:
    """Whole numbers whose logarithm is uniform: each with the share of its neighbourhood, as optuna draws them."""

    low: int
    high: int

    def rvs(self, *, random_state: np.random.RandomState) -> JsonValue:
        """Return one."""
        drawn = math.exp(random_state.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5)))
        return min(max(round(drawn), self.low), self.high)


class Python:
    """A distribution of scipy whose values are those of Python: what a journal writes and pydantic reads."""

    def __init__(self, frozen: object) -> None:
        self._frozen = cast("Distribution", frozen)

    def rvs(self, *, random_state: np.random.RandomState) -> JsonValue:
        """Return one value."""
        drawn: object = self._frozen.rvs(random_state=random_state)
        return cast("JsonValue", drawn.item() if isinstance(drawn, np.generic) else drawn)


def same(one: JsonValue, other: JsonValue) -> bool:
    """Say whether two JSON values are the same: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def key_of(value: JsonValue) -> Hashable:
    """Return what two JSON values share where they are the same, and only there: see `same`.

    >>> key_of([1, {"a": 1.0}]) == key_of([1.0, {"a": 1}]), key_of(1) == key_of(True)
    (True, False)
    """
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, Mapping):
        return "object", frozenset((name, key_of(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "list", tuple(map(key_of, value))
    return value
