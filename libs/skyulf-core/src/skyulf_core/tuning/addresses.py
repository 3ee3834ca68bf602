"""Parameters of any node, by address: `alpha` (of the model), `scale.with_mean`, `SimpleImputer.strategy`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

from pydantic import JsonValue, ValidationError

from skyulf_core.nodes.base import NodeConfig, Splitter
from skyulf_core.pipeline.resolve import resolve_node
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode
from skyulf_core.problems import InvalidConfigError, Problem, did_you_mean, some_of


@dataclass(frozen=True)
class Address:
    """A place in a node's configuration."""

    node: str
    path: tuple[str, ...]


class AddressError(Exception):
    """There is no such parameter. The text says so, `hint` what there is."""

    def __init__(self, message: str, code: str, hint: str | None = None) -> None:
        self.code, self.hint = code, hint
        super().__init__(message)


def find(name: str, resolved: Resolved) -> Address:
    """Return the place that an address means.

    Before the first dot stands the id of a node (which may hold dots itself), or a node's name where it occurs once;
    an address that begins with neither is of the model. Raises AddressError.
    """
    node, path = _node(name, resolved)
    if isinstance(node.entry.calculator, Splitter):
        message = f"{name!r} belongs to {node.entry.name}, which chooses the rows that trials are judged on."
        raise AddressError(message, "splitter-tuned", "Search parameters of the other nodes.")
    if not path or not all(path):
        fields = ", ".join(node.entry.config_model.model_fields)
        raise AddressError(f"{name!r} names no parameter of {node.id!r}.", "unknown-param", f"It has: {fields}.")
    _require_field(name, node, path)
    return Address(node.id, tuple(path))


def _node(name: str, resolved: Resolved) -> tuple[ResolvedNode, list[str]]:
    nodes = {node.id: node for node in resolved.nodes}
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        found = nodes.get(".".join(parts[:length]))
        if found is not None and (length < len(parts) or length > 1 or not _is_field(name, resolved)):
            return found, parts[length:]
    named = [node for node in resolved.nodes if node.entry.name == parts[0]]
    if len(named) == 1:
        return named[0], parts[1:]
    if named:
        ids = some_of([repr(node.id) for node in named])
        raise AddressError(
            f"{parts[0]!r} stands {len(named)} times in the pipeline.", "ambiguous", f"Use an id: {ids}."
        )
    if resolved.model is None:
        raise AddressError("A pipeline without a model has no score to search by.", "no-model")
    if len(parts) > 1 and not _is_field(parts[0], resolved):
        known = [*nodes, *(node.entry.name for node in resolved.nodes)]
        hint = did_you_mean(parts[0], known) or f"The nodes are: {some_of(nodes)}."
        raise AddressError(f"There is no node {parts[0]!r}.", "unknown-node", hint)
    return resolved.model, parts


def _is_field(name: str, resolved: Resolved) -> bool:
    return resolved.model is not None and name in resolved.model.entry.config_model.model_fields


def _require_field(name: str, node: ResolvedNode, path: list[str]) -> None:
    fields = node.entry.config_model.model_fields
    if path[0] not in fields:
        near = did_you_mean(path[0], fields)
        hint = " ".join(filter(None, (near, f"It has: {', '.join(fields)}.")))
        raise AddressError(f"{node.entry.name} has no parameter {path[0]!r} ({name!r}).", "unknown-param", hint)


def placed_value(node: ResolvedNode, values: Mapping[tuple[str, ...], JsonValue]) -> dict[str, object]:
    """Return a node's configuration as it is written, with these values in their places."""
    config = dict(node.placed.config)
    for name in {path[0] for path in values if len(path) > 1}:  # what is written into is not the node's own
        config[name] = copy.deepcopy(config.get(name))
    for path, value in values.items():
        if len(path) > 1 and not isinstance(config.get(path[0]), dict | list):
            defaults = node.config.model_dump(mode="json") if node.config is not None else {}
            config[path[0]] = defaults.get(path[0])
        _put(config, path, value)
    return config


def _put(config: dict[str, object], path: tuple[str, ...], value: JsonValue) -> None:
    place: object = config
    for part, following in pairwise(path):
        place = _step_into(place, part, following)
    if isinstance(place, list):
        place[int(path[-1])] = value
    else:
        cast("dict[str, object]", place)[path[-1]] = value


def _step_into(place: object, part: str, following: str) -> object:
    if isinstance(place, list):
        if not part.isdigit() or int(part) >= len(place):
            raise AddressError(f"There is no {part!r} in a list of {len(place)}.", "unknown-param")
        return place[int(part)]
    inner = cast("dict[str, object]", place).get(part)
    if inner is None:
        inner = cast("dict[str, object]", place)[part] = {}
    if isinstance(inner, list):
        if not following.isdigit() or int(following) >= len(inner):
            raise AddressError(f"{part!r} is a list of {len(inner)}; {following!r} is no place in it.", "unknown-param")
    elif not isinstance(inner, dict):
        raise AddressError(f"{part!r} has no parameters of its own.", "unknown-param")
    return inner


def parse(node: ResolvedNode, config: Mapping[str, object]) -> NodeConfig:
    """Read a node's configuration. Raises ValidationError."""
    return node.entry.config_model.model_validate(dict(config))


def faults(node: ResolvedNode, config: Mapping[str, object], path: tuple[str, ...]) -> list[Problem]:
    """Return what a node has against the value at a place; what it has against combinations is another matter."""
    try:
        parse(node, config)
    except ValidationError as error:
        if not any(item["loc"] and str(item["loc"][0]) == path[0] for item in error.errors(include_url=False)):
            return []
        found: list[Problem] = []
        resolve_node(replace(node.placed, config=config), found)
        return [problem for problem in found if problem.field == path[0]]
    return []


def takes_boolean(node: ResolvedNode, config: Mapping[str, object], path: tuple[str, ...]) -> bool:
    """Say whether a boolean at a place stays one, where the configuration can be read: of a number it makes 0 or 1."""
    try:
        found: object = parse(node, config).model_dump(mode="python")
    except ValidationError:
        return True
    for part in path:
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list | tuple) and part.isdigit():
            found = found[int(part)]
        else:
            return True
    return isinstance(found, bool)


def with_values(resolved: Resolved, values: Mapping[Address, JsonValue]) -> Resolved:
    """Return the pipeline with other values in these places. Raises InvalidConfigError where they do not fit."""
    by_node: dict[str, dict[tuple[str, ...], JsonValue]] = {}
    for address, value in values.items():
        by_node.setdefault(address.node, {})[address.path] = value
    problems: list[Problem] = []

    def changed(node: ResolvedNode | None) -> ResolvedNode | None:
        if node is None or node.id not in by_node:
            return node
        placed = replace(node.placed, config=placed_value(node, by_node[node.id]))
        return resolve_node(placed, problems)

    steps = [changed(step) for step in resolved.steps]
    model = changed(resolved.model)
    if problems:
        raise InvalidConfigError(problems)
    placed = [step.placed for step in steps if step is not None]
    return replace(resolved, steps=steps, model=model, placed=placed, problems=[])
