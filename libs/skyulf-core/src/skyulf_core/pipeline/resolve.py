"""From written nodes to known ones: name looked up, configuration parsed, order checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from skyulf_core.nodes.base import NodeConfig
from skyulf_core.nodes.registry import NodeRegistry
from skyulf_core.pipeline.graph import read_graph
from skyulf_core.pipeline.layout import Placed, read_list
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.pipeline.rules import rule_problems
from skyulf_core.problems import Problem, UnknownNodeError, did_you_mean, few_guesses, pointer_part

__all__ = ["Resolved", "ResolvedNode", "resolve", "resolve_node"]


_MOST_ERRORS = 10_000
"""So many faults of a node's configuration are told at once; who mends those is told the others."""


def resolve(config: Mapping[str, object]) -> Resolved:
    """Read a configuration in either form, without a schema. Never raises for what is wrong in it."""
    with few_guesses():
        return _resolved(config)


def _resolved(config: Mapping[str, object]) -> Resolved:
    if not isinstance(cast("object", config), Mapping):
        return Resolved(problems=[Problem("", "A pipeline is an object with steps and model.", "wrong-type")])
    layout = read_graph(config) if "nodes" in config else read_list(config)
    resolved = Resolved(problems=layout.problems, placed=layout.steps, sources=layout.sources)
    resolved.steps = [resolve_node(placed, resolved.problems) for placed in layout.steps]
    if layout.model is not None and layout.model.node == "auto":
        from skyulf_core.automl.config import read_auto  # stands above this layer, and only who searches needs it

        resolved.auto, problems = read_auto(layout.model, config, resolved)
        resolved.problems += [*problems, *rule_problems(resolved)]
        return resolved
    if layout.model is not None:
        resolved.model = resolve_node(layout.model, resolved.problems)
        if resolved.model is not None and not resolved.model.entry.is_model:
            message = f"{layout.model.node} is no model; it belongs in steps."
            problem = Problem(
                f"{layout.model.pointer}/node", message, "not-a-model", node=layout.model.node, field="node"
            )
            resolved.problems.append(problem)
            resolved.model = None
    resolved.problems += rule_problems(resolved)
    if config.get("tuning") is not None:
        from skyulf_core.tuning.checks import read_tuning  # stands above this layer, and only who tunes needs it

        resolved.tuning, problems = read_tuning(config["tuning"], resolved)
        resolved.problems += problems
    if config.get("validation") is not None:
        from skyulf_core.validation.decisions import read_validation  # above this layer too

        resolved.validation, problems = read_validation(config["validation"], resolved)
        resolved.problems += problems
    return resolved


def resolve_node(placed: Placed, problems: list[Problem]) -> ResolvedNode | None:
    """Look a node up and read its configuration; None where there is no such node. Adds to `problems`."""
    try:
        entry = NodeRegistry.get(placed.node)
    except UnknownNodeError:
        names = [*NodeRegistry.names(), *(["auto"] if placed.pointer == "/model" else [])]
        hint = did_you_mean(placed.node, names) or "`skyulf nodes` lists those that there are."
        message = f"There is no node {placed.node!r}."
        if placed.node == "auto":
            message, hint = "auto is the model of a line of steps, and stands nowhere else.", "Write steps and model."
        problems.append(
            Problem(
                f"{placed.pointer}/node", message, "unknown-node",
                node=placed.node, field="node", suggestion=hint,
            )
        )  # fmt: skip
        return None
    try:
        return ResolvedNode(placed, entry, entry.config_model.model_validate(dict(placed.config)))
    except ValidationError as error:
        repaired, found = _repaired(placed, entry.config_model, error)
        problems += found
        return ResolvedNode(placed, entry, None, repaired)


def _repaired(
    placed: Placed, model: type[NodeConfig], error: ValidationError
) -> tuple[NodeConfig | None, list[Problem]]:
    """Return the configuration without its faulty fields, and all problems: some show only when others are gone."""
    problems, left, gone = _config_problems(placed, model, error), dict(placed.config), set[object]()
    while faulty := {item["loc"][0] for item in error.errors() if item["loc"]} & left.keys():
        gone |= faulty
        left = {key: value for key, value in left.items() if key not in faulty}
        try:
            return model.model_validate(left), problems
        except ValidationError as again:
            known = {problem.pointer for problem in problems}
            known |= {f"{placed.pointer}/config/{pointer_part(str(key))}" for key in gone}
            further = _config_problems(replace(placed, config=left), model, again)
            # what is said of the whole may come of the fields that are gone; then it names them
            problems += [
                problem
                for problem in further
                if problem.pointer not in known
                and not (problem.field is None and any(str(key) in problem.message.lower() for key in gone))
            ]
            error = again
    return None, problems


def _config_problems(placed: Placed, model: type[NodeConfig], error: ValidationError) -> list[Problem]:
    """Return one problem per field: where each of several types refuses a value, they are said in one sentence."""
    seen: dict[str, Problem] = {}
    for item in error.errors(include_url=False, include_context=False)[:_MOST_ERRORS]:
        path = _path(item["loc"], placed.config, missing=item["type"] == "missing")
        pointer = placed.pointer + "/config" + "".join(f"/{pointer_part(part)}" for part in path)
        problem = _config_problem(placed, model, item, pointer, path)
        before = seen.get(pointer)
        if before is not None and problem.message not in before.message:
            message = f"{before.message.removesuffix('.')}, or: {problem.message}"
            problem = replace(before, message=message, suggestion=before.suggestion or problem.suggestion)
        seen[pointer] = problem
    return list(seen.values())


def _path(place: Sequence[int | str], value: object, *, missing: bool) -> list[str]:
    """Return an error's place without the names of a union's members, such as `constrained-int`: they lead nowhere."""
    path = []
    for part in place:
        if _leads_on(value, part):
            value = cast("Any", value)[part]
        elif not (missing and part == place[-1]):
            continue
        path.append(str(part))
    return path


def _leads_on(value: object, part: int | str) -> bool:
    if isinstance(value, list | tuple):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, Mapping) and part in value


def _config_problem(
    placed: Placed, model: type[NodeConfig], item: ErrorDetails, pointer: str, path: list[str]
) -> Problem:
    name, key = (path[0], path[-1]) if path else (None, None)
    kind, message, hint = "invalid-value", item["msg"].removeprefix("Value error, "), None
    where = f"{placed.node}{''.join(f' {part}' for part in path[:-1])}"
    if item["type"] == "extra_forbidden":
        inner = _model_at(model, path)
        kind, message, fields = "unknown-param", f"{where} has no parameter {key!r}.", list(inner.model_fields)
        reason = getattr(inner, "not_offered", {}).get(key) or did_you_mean(str(key), fields)
        hint = " ".join(filter(None, (reason, f"It has: {', '.join(fields)}.")))
    elif item["type"] == "missing":
        kind, message = "missing-param", f"{where} needs {key!r}."
    elif item["type"] == "literal_error":
        hint = did_you_mean(str(item["input"]), _choices(item["msg"]))
    text = message if message.endswith(".") else f"{message}."
    return Problem(pointer, text[0].upper() + text[1:], kind, node=placed.node, field=name, suggestion=hint)


def _model_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel]:
    """Return the part of a configuration that a path leads into."""
    for part in path[:-1]:  # places in lists, and keys of objects whose keys are free, lead nowhere by themselves
        field = model.model_fields.get(part)
        model = (_inner_model(field.annotation) if field is not None else None) or model
    return model


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _inner_model(inner)) is not None), None)


def _choices(message: str) -> list[str]:
    return message.split("'")[1::2]
