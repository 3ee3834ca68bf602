"""Nodes that are known: their registry entry, their parsed configuration, and what they read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pydantic import JsonValue

from skyulf_core.nodes.base import NodeConfig, Splitter
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.nodes.registry import NodeEntry
from skyulf_core.pipeline.layout import Placed
from skyulf_core.pipeline.wiring import SOURCE, Wiring
from skyulf_core.problems import Problem

if TYPE_CHECKING:
    from skyulf_core.automl.config import Auto
    from skyulf_core.tuning.checks import Tuning
    from skyulf_core.validation.decisions import Validation


@dataclass(frozen=True)
class ResolvedNode:
    """A node with its registry entry and parsed configuration (None where that has problems).

    `repaired` is then the configuration without the fields that have them, where that is one: to look further with.
    """

    placed: Placed
    entry: NodeEntry
    config: NodeConfig | None
    repaired: NodeConfig | None = None

    @property
    def id(self) -> str:
        """The node's id."""
        return self.placed.id

    @property
    def inputs(self) -> tuple[str, ...]:
        """Ids of the nodes, or names of the sources, that it reads."""
        return self.placed.inputs

    @property
    def parsed(self) -> NodeConfig:
        """The configuration of a node without problems."""
        if self.config is None:
            raise ValueError(f"{self.placed.pointer} has problems")
        return self.config

    def live_inputs(self) -> tuple[str, ...]:
        """Return the inputs that predictions read too: all but those whose rows became params."""
        calculator = self.entry.calculator
        kept = calculator.reference_inputs if isinstance(calculator, Combiner) else frozenset[int]()
        return tuple(name for index, name in enumerate(self.inputs) if index not in kept)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the node as it is written, with defaults filled in."""
        config = cast("JsonValue", self.parsed.model_dump(mode="json"))
        weights: dict[str, JsonValue] = {} if self.placed.weights is None else {"weights": self.placed.weights}
        return {"id": self.placed.id, "node": self.entry.name, "config": config, **weights}

    def to_graph_dict(self) -> dict[str, JsonValue]:
        """Return the node as a graph writes it."""
        return {**self.to_dict(), "inputs": [name for name in self.inputs if name != SOURCE]}


@dataclass
class Resolved:
    """All nodes of a pipeline, each after its inputs, and every problem found so far.

    A step is None where its node is unknown; `placed` has it all the same. `sources` are the names of the tables of
    data, where they have names. `auto` stands for steps and a model that are searched for, `tuning` says what is
    searched before the pipeline learns, `validation` what is chosen after, on rows that the model has not learned from.
    """

    steps: list[ResolvedNode | None] = field(default_factory=list)
    model: ResolvedNode | None = None
    problems: list[Problem] = field(default_factory=list)
    placed: list[Placed] = field(default_factory=list)
    sources: tuple[str, ...] = ()
    tuning: Tuning | None = None
    validation: Validation | None = None
    auto: Auto | None = None

    @property
    def known_steps(self) -> list[ResolvedNode]:
        """The steps whose node is known."""
        return [step for step in self.steps if step is not None]

    @property
    def nodes(self) -> list[ResolvedNode]:
        """The known steps, and the model."""
        return [*self.known_steps, *([self.model] if self.model else [])]

    @property
    def wiring(self) -> Wiring:
        """What every node reads, by id."""
        model = {self.model.id: self.model.inputs} if self.model else {}
        return {placed.id: placed.inputs for placed in self.placed} | model

    @property
    def linear(self) -> bool:
        """Whether the nodes form one line from one nameless table."""
        before = [SOURCE, *(placed.id for placed in self.placed)]
        everything = [*self.placed, *([self.model.placed] if self.model else [])]
        return not self.sources and all(node.inputs == (name,) for node, name in zip(everything, before, strict=False))

    @property
    def splitter(self) -> ResolvedNode | None:
        """The first splitter."""
        return next((step for step in self.known_steps if isinstance(step.entry.calculator, Splitter)), None)

    @property
    def target(self) -> str | None:
        """The target's name, where a splitter with a valid configuration names one."""
        if self.splitter is None or self.splitter.config is None:
            return None
        splitter = self.splitter.entry.calculator
        return splitter.target(self.splitter.config) if isinstance(splitter, Splitter) else None

    @property
    def weights(self) -> str | None:
        """The column of the weights of rows, where the model is given any."""
        if self.auto is not None:
            return self.auto.weights
        return self.model.placed.weights if self.model else None

    @property
    def set_apart(self) -> list[str]:
        """The columns of the main source that are no features: the target and the weights."""
        return [name for name in (self.target, self.weights) if name is not None]

    @property
    def main_source(self) -> str:
        """The source whose rows are predicted; the others are reference data of joins."""
        found = self.model.inputs[:1] if self.model else tuple(placed.id for placed in self.placed[-1:])
        wiring, seen = self.wiring, set[str]()
        while found and found[0] in wiring and found[0] not in seen:
            seen.add(found[0])
            found = tuple(wiring[found[0]][:1])
        return found[0] if found else SOURCE

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the configuration with defaults filled in: a list where it is linear. Only without problems."""
        written = self._nodes_dict()
        if self.validation is not None:
            chosen = self.validation.config.model_dump(mode="json", exclude_none=True)
            written = {**written, "validation": cast("JsonValue", chosen)}
        if self.tuning is None:
            return written
        return {**written, "tuning": cast("JsonValue", self.tuning.config.model_dump(mode="json", exclude_none=True))}

    def _nodes_dict(self) -> dict[str, JsonValue]:
        if not self.linear:
            nodes: JsonValue = [node.to_graph_dict() for node in self.nodes]
            sources: dict[str, JsonValue] = {"sources": list(self.sources)} if self.sources else {}
            return {**sources, "nodes": nodes}
        steps: JsonValue = [step.to_dict() for step in self.known_steps]
        model = self.auto or self.model
        return {"steps": steps} | ({"model": model.to_dict()} if model else {})
