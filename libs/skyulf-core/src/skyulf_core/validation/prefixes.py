"""What nodes gave in each fold, kept for other configurations that begin the same."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias
from weakref import WeakValueDictionary

from skyulf_core.data.splits import Split
from skyulf_core.nodes.combiner import Combiner
from skyulf_core.pipeline.resolved import Resolved
from skyulf_core.pipeline.running import Flow
from skyulf_core.pipeline.wiring import SOURCE

CACHE_BYTES = 1 << 30
"""So much a cache keeps where nobody says otherwise."""
_PATIENCE = 4
"""After so many looks at each of the flows that are kept, one that nobody asked for is old."""

Key: TypeAlias = tuple[int, str]
"""The index of a fold, and the digest of a node with everything before it."""


def prefix_keys(resolved: Resolved) -> dict[str, str]:
    """Return a digest per source and node: of its configuration, and of everything that it depends on.

    Ids count only where tables are merged: there they are names of sides.
    """
    merges = any(isinstance(node.entry.calculator, Combiner) for node in resolved.known_steps)
    keys = {name: f"source {name}" for name in (SOURCE, *resolved.sources)}
    for node in resolved.known_steps:
        before = [keys[name] for name in node.inputs]
        parts = [node.id if merges else "", node.entry.name, node.parsed.model_dump(mode="json"), before]
        keys[node.id] = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return keys


@dataclass
class _Kept:
    flow: Flow
    size: int
    end: bool
    used: int


class PrefixCache:
    """Flows by key, of at most so many bytes. For several threads.

    Where there is no room, flows in the middle of a pipeline go first, the one that was not used for longest before the
    others; what models are given (`end`) goes only when it was not used for long. Otherwise the new one is not kept:
    configurations come to the folds in turn, and to drop the oldest would be to drop the one that comes next.
    """

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most, self._held, self._time = most_bytes, 0, 0
        self._flows: dict[Key, _Kept] = {}
        self._lock = threading.Lock()
        self._running: WeakValueDictionary[Key, _Turn] = WeakValueDictionary()
        self.hits = self.misses = 0

    def get(self, key: Key) -> Flow | None:
        """Return what is known under a key."""
        with self._lock:
            self._time += 1
            found = self._flows.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            found.used = self._time
            return found.flow

    def put(self, key: Key, flow: Flow, *, end: bool = False) -> None:
        """Keep a flow, where there is room for it."""
        size = size_of(flow)
        with self._lock:
            self._time += 1
            for other in self._in_the_way(size):
                self._held -= self._flows.pop(other).size
            if key not in self._flows and self._held + size <= self._most:
                self._flows[key] = _Kept(flow, size, end, self._time)
                self._held += size

    def _in_the_way(self, size: int) -> list[Key]:
        """Return what must go to make room; nothing where that is not enough."""
        missing = self._held + size - self._most
        if missing <= 0 or size > self._most:
            return []
        stale = self._time - _PATIENCE * (len(self._flows) + 1)
        going: list[Key] = []
        for key, kept in sorted(self._flows.items(), key=lambda item: (item[1].end, item[1].used)):
            if missing > 0 and (not kept.end or kept.used < stale):
                going.append(key)
                missing -= kept.size
        return going if missing <= 0 else []

    @contextmanager
    def turn(self, key: Key) -> Iterator[None]:
        """Let one thread after the other work on a key: the second one finds what the first has put there."""
        with self._lock:
            mine = self._running.setdefault(key, _Turn())
        with mine.lock:
            yield

    @property
    def bytes(self) -> int:
        """How much is held."""
        return self._held


class _Turn:
    def __init__(self) -> None:
        self.lock = threading.Lock()


def size_of(flow: Flow) -> int:
    """Return about how many bytes a flow holds; columns that it shares with others count in each."""
    splits = flow.splits
    return sum(_size(split) for split in (splits.train, splits.test, splits.validation) if split is not None)


def _size(split: Split) -> int:
    others = [column for column in (split.target, split.weights) if column is not None]
    return int(split.features.estimated_size() + sum(column.estimated_size() for column in others))
