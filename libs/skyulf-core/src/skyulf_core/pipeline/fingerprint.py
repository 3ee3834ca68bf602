"""What a pipeline is, in one number: its nodes with all their settings, and their wiring."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from pydantic import JsonValue

from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved, ResolvedNode


def fingerprint(resolved: Resolved) -> str:
    """Return a sha256: the same for the same nodes and wiring in every process, whatever the ids and their order.

    Names of sources belong to it where there are several: data is given under them.
    """
    if resolved.auto is not None:
        chosen = resolved.auto.config.model_dump(mode="json")
        return _digest([fingerprint(replace(resolved, auto=None)), {"auto": chosen, "weights": resolved.weights}])
    if resolved.tuning is not None:
        searched = resolved.tuning.config.model_dump(mode="json", exclude={"storage", "n_jobs"})
        return _digest([fingerprint(replace(resolved, tuning=None)), searched])
    if resolved.validation is not None:
        chosen = resolved.validation.config.model_dump(mode="json")
        return _digest([fingerprint(replace(resolved, validation=None)), {"validation": chosen}])
    if resolved.linear or (len(resolved.sources) == 1 and _is_line(resolved)):
        return _digest([_parts(node) for node in resolved.nodes])
    several = len(resolved.sources) > 1
    digests = {name: _digest(["source", name if several else ""]) for name in ("", *resolved.sources)}
    nodes = []
    for node in resolved.nodes:
        inputs: list[JsonValue] = [digests[name] for name in node.inputs]
        digests[node.id] = _digest([_parts(node), inputs])
        nodes.append(digests[node.id])
    # all nodes, not the last alone: two equal branches are something else than one that is read twice
    return _digest(sorted(nodes))


def _is_line(resolved: Resolved) -> bool:
    before = (*resolved.sources, *(node.id for node in resolved.nodes))
    return all(node.inputs == (name,) for node, name in zip(resolved.nodes, before, strict=False))


def _parts(node: ResolvedNode) -> dict[str, JsonValue]:
    """Return a node without its id, and without the ids of others: those of its inputs count by their place."""
    config = cast("Mapping[str, JsonValue]", node.to_dict()["config"])
    if isinstance(node.entry.calculator, Combiner):
        config = node.entry.calculator.without_ids(config, node.inputs)
    weights: dict[str, JsonValue] = {} if node.placed.weights is None else {"weights": node.placed.weights}
    return {"node": node.entry.name, "config": dict(config), **weights}


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
