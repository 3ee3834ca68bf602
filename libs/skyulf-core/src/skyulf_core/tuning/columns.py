"""Columns that a search names: whether the data have them, before the first fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from skyulf_core.nodes.base import NodeConfig
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.walk import Walk
from skyulf_core.problems import Problem
from skyulf_core.tuning.space import SearchSpace

_SAID = frozenset({"unknown-column", "wrong-type", "target-as-feature", "weights-as-feature"})
"""What a column that is named is to blame for; other faults may go away with another value beside it."""


def searched_column_problems(space: SearchSpace, resolved: Resolved, walk: Walk) -> Iterator[Problem]:
    """Yield a problem for each value that names a column which does not reach its node, or that it does not work on.

    Nodes behind one that is searched too are left out: which columns reach them, each trial says anew.
    """
    searched = {parameter.address.node for parameter in space.parameters}
    wiring = resolved.wiring
    for step in resolved.known_steps:
        if step.id not in searched or step.config is None or _above(step.id, wiring) & searched:
            continue
        written = _columns(step.config)
        for pointer, changed in space.choices(resolved, step):
            if changed.config is None or _columns(changed.config) == written:
                continue
            found = next((each for each in walk.check(changed) if each.code in _SAID), None)
            if found is not None:
                yield replace(found, pointer=pointer)


def _columns(config: NodeConfig) -> list[str]:
    return [name for _, name in config.named_columns()]


def _above(node: str, wiring: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the nodes and sources that a node reads, and what those read."""
    found, left = set[str](), list(wiring.get(node, ()))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += wiring.get(name, ())
    return found
