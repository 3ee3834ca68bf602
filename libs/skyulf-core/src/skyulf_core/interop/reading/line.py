"""What readers of scikit-learn's steps work with: the step that is read, and the line of nodes that it becomes."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from inspect import signature
from typing import TYPE_CHECKING, NoReturn, cast

import numpy as np
import polars as pl
from pydantic import JsonValue, ValidationError

from skyulf_core.fitted import FittedStep
from skyulf_core.nodes.base import Calculator, NodeConfig, TargetAwareCalculator
from skyulf_core.nodes.columns import free_name
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.params import Params
from skyulf_core.pipeline.fusing import apply_step
from skyulf_core.problems import CoreError, DataError

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

# These say how a result is computed, stored or announced, not what it is.
_NEUTRAL = frozenset(
    ("copy", "copy_X", "dtype", "n_jobs", "verbose", "warm_start", "sparse_output", "sparse", "order", "random_state",
     "feature_name_combiner", "oob_score", "n_oversamples", "power_iteration_normalizer", "iterated_power")
)  # fmt: skip


class UnsupportedEstimatorError(CoreError):
    """A part of a scikit-learn pipeline has no exact counterpart here; the text names it, its class and what has."""

    code = "unsupported-estimator"


@dataclass(frozen=True)
class Step:
    """A fitted estimator, where it stands (`scale`, `columns__numbers__scale`), and the columns that it is given."""

    path: str
    estimator: BaseEstimator
    columns: list[str]

    def refuse(self, why: str) -> NoReturn:
        """Raise UnsupportedEstimatorError."""
        name = type(self.estimator).__name__
        raise UnsupportedEstimatorError(f"the step {self.name!r} ({name}) cannot be read: {why}")

    @property
    def name(self) -> str:
        """The path, or the class in small letters where the estimator stands alone."""
        return self.path or type(self.estimator).__name__.lower()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn what a node refuses into UnsupportedEstimatorError."""
        try:
            yield
        except DataError as error:
            self.refuse(str(error))

    def learned(self, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        """Return a learned array as floats. Refuses what is not finite: such columns were missing in training."""
        values = np.asarray(getattr(self.estimator, name), np.float64)
        if not np.isfinite(values).all():
            self.refuse(f"{name} is not finite; columns without values in training have no counterpart")
        return values

    def settings(self, node: str, *, fixed: Mapping[str, object] | None = None, free: Collection[str] = ()) -> Settings:
        """Return the configuration of a node with the estimator's parameters of the same names.

        `fixed` are settings that stand for parameters of other names, `free` parameters that are settled already.
        A parameter that the node does not have must be what it is by default.
        """
        known = NodeRegistry.get(node).config_model.model_fields
        defaults = {name: each.default for name, each in signature(type(self.estimator)).parameters.items()}
        found: Settings = {}
        for name, value in self.estimator.get_params(deep=False).items():
            if name in known and name not in free:
                if not (value == "deprecated" or (name == "random_state" and not isinstance(value, int))):
                    found[name] = _plain(self, name, value)
            elif name not in _NEUTRAL and name not in free and not _same(value, defaults[name]):
                self.refuse(f"its parameter {name} is {value!r}; supported is {defaults[name]!r}")
        return found | dict(fixed or {})


Settings = dict[str, object]


def _plain(step: Step, name: str, value: object) -> object:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        step.refuse(f"its parameter {name} is {value!r}; supported are finite numbers")
    return value


def _same(value: object, default: object) -> bool:
    both_nan = isinstance(value, float) and isinstance(default, float) and value != value and default != default
    return both_nan or value is default or (type(value) is type(default) and bool(np.all(value == default)))


@dataclass
class Line:
    """Nodes one after the other, and some rows as they come out of the last one.

    `complete` are columns without nulls, whatever the rows that come in hold.
    """

    frame: pl.DataFrame
    steps: list[FittedStep] = field(default_factory=list)
    complete: set[str] = field(default_factory=set)
    target_aware: bool = False

    def add(self, step: Step, node: str, config: Mapping[str, object], params: Params | None = None) -> None:
        """Add a node that has learned these params; left out: a node that learns nothing from values."""
        entry, parsed = NodeRegistry.get(node), parsed_config(step, node, config)
        if params is None:
            with step.refusing():
                params = cast("Calculator[NodeConfig]", entry.calculator).fit(self.frame, parsed)
        self.target_aware |= isinstance(entry.calculator, TargetAwareCalculator)
        dumped = cast("dict[str, JsonValue]", parsed.model_dump(mode="json"))
        name = free_name(step.name, {known.id for known in self.steps})
        fitted = FittedStep(name, node, dumped, params)
        with step.refusing():
            self.frame = apply_step(fitted, self.frame)
        self.steps.append(FittedStep(name, node, dumped, params, columns=tuple(self.frame.columns)))

    def drop(self, step: Step, columns: Sequence[str]) -> None:
        """Leave columns out, where there are any."""
        if columns:
            self.add(step, "DropColumns", {"columns": list(columns)})

    def new_names(self, wanted: Sequence[str]) -> list[str]:
        """Return these names, numbered where a column has them."""
        taken = set(self.frame.columns)
        return [free_name(name, taken) for name in wanted]


def parsed_config(step: Step, node: str, config: Mapping[str, object]) -> NodeConfig:
    """Return the configuration of a node. Refuses one that the node does not take, saying what it takes."""
    try:
        return NodeRegistry.get(node).config_model.model_validate(dict(config))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"][:1])
        message = first["msg"].removeprefix("Value error, ")
        step.refuse(f"{node} does not take {place} {first['input']!r}: {message}" if place else f"{node}: {message}")
