"""One-row predictions per second: every server in turn, round by round, by the same client."""

import json
import math
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LOAD = Path(__file__).with_name("load_generator.py")
TOLERANCE = 1e-9
CONNECTIONS = 8
WARM_SECONDS = 0.7

Chances = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Target:
    """A server that answers predictions; ``headers`` are made anew for every round, as tokens live for a minute."""

    name: str
    port: int
    path: str
    headers: Callable[[], Mapping[str, str]]


@dataclass
class Measured:
    """What the rounds of one target gave."""

    rounds: list[dict[str, Any]] = field(default_factory=list)
    chances: Chances = field(default_factory=dict)

    def median(self, name: str) -> float:
        """The median of the rounds."""
        return statistics.median(float(found[name]) for found in self.rounds)

    def summary(self) -> dict[str, float]:
        """The medians of what is reported."""
        return {name: self.median(name) for name in ("per_second", "p50_ms", "p99_ms", "client_cpu")}


def measure(targets: Sequence[Target], rows: Path, *, rounds: int, seconds: float) -> dict[str, Measured]:
    """Load the targets in turn, so that whatever else the machine does meets all of them alike."""
    found = {target.name: Measured() for target in targets}
    for _ in range(rounds):
        for target in targets:
            result = _load(target, rows, seconds)
            if result["errors"]:
                raise SystemExit(f"{target.name} did not answer as it should: {result['errors']}")
            measured = found[target.name]
            measured.chances.update(result.pop("probabilities"))
            measured.rounds.append(result)
    return found


def largest_difference(one: Chances, other: Chances) -> tuple[int, float]:
    """How many rows both answered, and the largest difference of any probability. Exits where they disagree."""
    both = sorted(one.keys() & other.keys())
    if not both:
        raise SystemExit("The servers have no answered row in common; nothing can be compared.")
    largest = 0.0
    for row in both:
        for mine, theirs in zip(one[row], other[row], strict=True):
            if mine.keys() != theirs.keys():
                raise SystemExit(f"Row {row}: the classes differ: {sorted(mine)} and {sorted(theirs)}")
            largest = max(largest, *(abs(mine[name] - theirs[name]) for name in mine))
    if not largest <= TOLERANCE or math.isnan(largest):
        raise SystemExit(f"The answers differ by up to {largest}, which is more than {TOLERANCE}.")
    return len(both), largest


def _load(target: Target, rows: Path, seconds: float) -> dict[str, Any]:
    spec = {
        "port": target.port,
        "path": target.path,
        "headers": dict(target.headers()),
        "rows": str(rows),
        "warm": WARM_SECONDS,
        "seconds": seconds,
        "connections": CONNECTIONS,
    }
    done = subprocess.run(
        [sys.executable, str(LOAD)],
        input=json.dumps(spec),
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The load generator failed at {target.name}:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
