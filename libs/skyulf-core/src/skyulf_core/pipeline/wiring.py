"""Who reads whom: orders and paths of a graph, given as id → ids of its inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

Wiring: TypeAlias = Mapping[str, Sequence[str]]

SOURCE = ""
"""What a node reads that has no inputs: the only table of data there is."""


def in_order(inputs: Wiring) -> list[str]:
    """Return the ids so that each follows its inputs, otherwise as they are given; cycles and what hangs on them last.

    Inputs that are no key (sources of data, nodes that do not exist) are there from the start.

    >>> in_order({"c": ["a", "b"], "b": ["a"], "a": []})
    ['a', 'b', 'c']
    """
    waiting = {name: {source for source in sources if source in inputs} for name, sources in inputs.items()}
    done: dict[str, None] = {}
    while ready := [name for name, sources in waiting.items() if done.keys() >= sources]:
        done |= dict.fromkeys(ready)
        waiting = {name: sources for name, sources in waiting.items() if name not in done}
    return [*done, *waiting]


def upstream(start: Iterable[str], inputs: Wiring) -> set[str]:
    """Return everything that these depend on, sources too; themselves only where they lie on a cycle."""
    seen: set[str] = set()
    stack = [source for name in start for source in inputs.get(name, ())]
    while stack:
        name = stack.pop()
        if name not in seen:
            seen.add(name)
            stack += inputs.get(name, ())
    return seen


def way(start: str, end: str, inputs: Wiring) -> list[str]:
    """Return the ids on a shortest way from one to another that depends on it, with both; empty where there is none.

    >>> way("a", "d", {"b": ["a"], "c": ["a", "b"], "d": ["c"]})
    ['a', 'c', 'd']
    """
    ways, waiting = {end: [end]}, deque([end])
    while waiting:
        name = waiting.popleft()
        found = [source for source in inputs.get(name, ()) if source not in ways]
        ways |= {source: [source, *ways[name]] for source in found}
        waiting += found
    return ways.get(start, [])


def readers_of(inputs: Wiring) -> dict[str, list[str]]:
    """Return, for everything that is read, who reads it, in order."""
    readers: dict[str, list[str]] = {}
    for name, sources in inputs.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    return readers


def downstream(start: Iterable[str], inputs: Wiring) -> set[str]:
    """Return everything that depends on these."""
    return upstream(start, readers_of(inputs))
