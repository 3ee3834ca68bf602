"""How much memory each process holds for itself, second after second, and whether that rises."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import psutil

from performance.load.figures import TEN_MINUTES, Sample, slope

MB = 2**20
MOST_SLOPE = 1.0


@dataclass
class Track:
    """One process: megabytes by seconds of the monotonic clock. ``ours`` is held to the goal."""

    ours: bool
    samples: list[Sample] = field(default_factory=list)
    children: float = 0.0

    def slope(self, since: float) -> float:
        """Megabytes in ten minutes, from a moment on."""
        return slope(self._later(since)) * TEN_MINUTES

    def steep(self, since: float) -> bool:
        """Whether it rises by more than a megabyte in ten minutes; in less time, by more than one megabyte in all.

        An allocator takes memory in pieces: one of them in two minutes is no slope.
        """
        later = self._later(since)
        seconds = later[-1][0] - later[0][0] if later else 0.0
        most = MOST_SLOPE * max(1.0, TEN_MINUTES / seconds) if seconds else math.inf
        return self.ours and self.slope(since) >= most

    def _later(self, since: float) -> list[Sample]:
        return [sample for sample in self.samples if sample[0] >= since]


class Memory:
    """Looks at processes by name from a thread of its own; a process that is gone is not looked at."""

    def __init__(self, processes: Callable[[], Mapping[str, tuple[psutil.Process, bool]]], *, seconds: float) -> None:
        self.tracks: dict[str, Track] = {}
        self._processes, self._seconds = processes, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="memory")

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._over.wait(self._seconds):
            for name, (process, ours) in self._processes().items():
                self._look(name, process, ours)

    def _look(self, name: str, process: psutil.Process, ours: bool) -> None:
        track = self.tracks.setdefault(name, Track(ours))
        try:
            alone, family = private(process), process.children(recursive=True)
        except psutil.Error:
            return
        children = sum(private_or_none(child) for child in family)
        # the processes of a server are one thing; a child of ours is used once, and no matter for a slope
        held = alone if ours else alone + children
        track.samples.append((time.monotonic(), held / MB))
        track.children = max(track.children, children / MB)


def private(process: psutil.Process) -> int:
    """The bytes that only this process holds: what it shares, and pages of files, come and go with other processes."""
    found = process.memory_info()
    return int(found.rss - found.shared)


def private_or_none(process: psutil.Process) -> int:
    """As `private`; nothing where it has ended."""
    try:
        return private(process)
    except psutil.Error:
        return 0
