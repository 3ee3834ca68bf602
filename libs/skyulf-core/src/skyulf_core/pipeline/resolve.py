"""From written nodes to known ones: name looked up, configuration parsed, order checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from pydantic import JsonValue, ValidationError
from pydantic_core import ErrorDetails

from skyulf_core.nodes.base import Kind, ModelCalculator, NodeConfig, Splitter
from skyulf_core.nodes.registry import NodeEntry, NodeRegistry
from skyulf_core.pipeline.graph import read_graph
from skyulf_core.pipeline.layout import Placed, read_list
from skyulf_core.problems import Problem, UnknownNodeError, did_you_mean, pointer_part

_AFTER_SPLIT = {Kind.LEARNED, Kind.TARGET_AWARE, Kind.HISTORY}


@dataclass(frozen=True)
class ResolvedNode:
    """A node with its registry entry and parsed configuration (None where that has problems)."""

    placed: Placed
    entry: NodeEntry
    config: NodeConfig | None

    @property
    def parsed(self) -> NodeConfig:
        """The configuration of a node without problems."""
        if self.config is None:
            raise ValueError(f"{self.placed.pointer} has problems")
        return self.config

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the node as it is written, with defaults filled in."""
        config = cast("JsonValue", self.parsed.model_dump(mode="json"))
        return {"id": self.placed.id, "node": self.entry.name, "config": config}


@dataclass
class Resolved:
    """All nodes of a pipeline, and every problem found so far. A step is None where its node is unknown."""

    steps: list[ResolvedNode | None] = field(default_factory=list)
    model: ResolvedNode | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def known_steps(self) -> list[ResolvedNode]:
        """The steps whose node is known."""
        return [step for step in self.steps if step is not None]

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

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the configuration in list form, with defaults filled in. Only for a pipeline without problems."""
        steps: JsonValue = [step.to_dict() for step in self.known_steps]
        return {"steps": steps} | ({"model": self.model.to_dict()} if self.model else {})


def resolve(config: Mapping[str, object]) -> Resolved:
    """Read a configuration in either form, without a schema. Never raises for what is wrong in it."""
    if not isinstance(cast("object", config), Mapping):
        return Resolved(problems=[Problem("", "A pipeline is an object with steps and model.", "wrong-type")])
    layout = read_graph(config) if "nodes" in config else read_list(config)
    resolved = Resolved(problems=layout.problems)
    resolved.steps = [_resolve_node(placed, resolved.problems) for placed in layout.steps]
    if layout.model is not None:
        resolved.model = _resolve_node(layout.model, resolved.problems)
        if resolved.model is not None and not resolved.model.entry.is_model:
            message = f"{layout.model.node} is no model; it belongs in steps."
            problem = Problem(
                f"{layout.model.pointer}/node", message, "not-a-model", node=layout.model.node, field="node"
            )
            resolved.problems.append(problem)
            resolved.model = None
    resolved.problems += _order_problems(resolved)
    return resolved


def _resolve_node(placed: Placed, problems: list[Problem]) -> ResolvedNode | None:
    try:
        entry = NodeRegistry.get(placed.node)
    except UnknownNodeError:
        hint = did_you_mean(placed.node, NodeRegistry.names())
        problems.append(
            Problem(
                f"{placed.pointer}/node", f"There is no node {placed.node!r}.", "unknown-node",
                node=placed.node, field="node", suggestion=hint,
            )
        )  # fmt: skip
        return None
    try:
        return ResolvedNode(placed, entry, entry.config_model.model_validate(dict(placed.config)))
    except ValidationError as error:
        problems += _config_problems(placed, entry.config_model, error)
        return ResolvedNode(placed, entry, None)


def _config_problems(placed: Placed, model: type[NodeConfig], error: ValidationError) -> list[Problem]:
    """Return one problem per field: where each of several types refuses a value, they are said in one sentence."""
    seen: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_context=False):
        path = [str(part) for part in item["loc"] if not _names_a_type(part)]
        pointer = placed.pointer + "/config" + "".join(f"/{pointer_part(part)}" for part in path)
        problem = _config_problem(placed, model, item, pointer, path)
        before = seen.get(pointer)
        if before is not None and problem.message not in before.message:
            message = f"{before.message.removesuffix('.')}, or: {problem.message}"
            problem = replace(before, message=message, suggestion=before.suggestion or problem.suggestion)
        seen[pointer] = problem
    return list(seen.values())


def _names_a_type(part: int | str) -> bool:
    """Say whether a part of an error's place is the name of a union's member, such as `constrained-int`."""
    return isinstance(part, str) and (
        part in ("int", "float", "str", "bool") or part.startswith(("constrained-", "function-"))
    )


def _config_problem(
    placed: Placed, model: type[NodeConfig], item: ErrorDetails, pointer: str, path: list[str]
) -> Problem:
    name = path[0] if path else None
    kind, message, hint = "invalid-value", item["msg"].removeprefix("Value error, "), None
    fields = list(model.model_fields)
    if item["type"] == "extra_forbidden":
        kind, message = "unknown-param", f"{placed.node} has no parameter {name!r}."
        hint = did_you_mean(str(name), fields) or f"It has: {', '.join(fields)}."
    elif item["type"] == "missing":
        kind, message = "missing-param", f"{placed.node} needs {name!r}."
    elif item["type"] == "literal_error":
        hint = did_you_mean(str(item["input"]), _choices(item["msg"]))
    text = message if message.endswith(".") else f"{message}."
    return Problem(pointer, text[0].upper() + text[1:], kind, node=placed.node, field=name, suggestion=hint)


def _choices(message: str) -> list[str]:
    return message.split("'")[1::2]


def _order_problems(resolved: Resolved) -> list[Problem]:
    problems: list[Problem] = []
    steps = resolved.known_steps
    splitters = [index for index, step in enumerate(steps) if step.entry.kind is Kind.SPLITTER]
    for step in steps:
        if step.entry.is_model:
            message = f"{step.entry.name} is a model; it stands under 'model', after the steps."
            problems.append(_at(step, message, "model-as-step"))
    # where a node is unknown, it may be the splitter that the others lack
    if resolved.model is not None and not splitters and len(steps) == len(resolved.steps):
        message = "A pipeline with a model needs one splitter: without held-out rows nothing can be judged."
        problems.append(
            Problem("/steps", message, "missing-splitter", suggestion="Add TrainTestSplit with the target.")
        )
    problems += [_at(steps[index], "The rows are split already.", "second-splitter") for index in splitters[1:]]
    for step in steps[: splitters[0]] if splitters else []:
        problems += _before_split(step, steps[splitters[0]])
    return problems + _task_problems(resolved)


def _before_split(step: ResolvedNode, splitter: ResolvedNode) -> list[Problem]:
    after = f"Move it after {splitter.entry.name}."
    if step.entry.kind in _AFTER_SPLIT:
        message = (
            f"Leakage: {step.entry.name} learns before the rows are split, so it would learn from the test rows, "
            "and the score would be better than the model."
        )
        return [_at(step, message, "leakage", after)]
    if step.entry.kind is Kind.ROW_CHANGING:
        message = f"{step.entry.name} changes rows before the split, so it would choose the test rows too."
        return [_at(step, message, "row-changing-before-split", after)]
    return []


def _task_problems(resolved: Resolved) -> list[Problem]:
    model = resolved.model.entry.calculator if resolved.model else None
    splitter = resolved.splitter
    if not isinstance(model, ModelCalculator) or splitter is None or model.task == "classification":
        return []
    if not getattr(splitter.config, "stratify", False):
        return []
    message = "stratify needs classes, and the model is a regression."
    pointer = f"{splitter.placed.pointer}/config/stratify"
    return [Problem(pointer, message, "invalid-value", node=splitter.entry.name, field="stratify")]


def _at(step: ResolvedNode, message: str, code: str, suggestion: str | None = None) -> Problem:
    return Problem(
        f"{step.placed.pointer}/node", message, code, node=step.entry.name, field="node", suggestion=suggestion
    )
