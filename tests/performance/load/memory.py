"""How much memory each process holds for itself, second after second, and whether that rises."""

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import psutil

from performance.load.figures import TEN_MINUTES, Sample, slope

MB = 2**20
MOST_SLOPE = 1.0


@dataclass(frozen=True)
class Watched:
    """A process; ``ours`` is held to the goal, a ``family`` is one thing with all that it has started."""

    pid: int
    ours: bool = True
    family: bool = False


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

    def unknown(self, since: float) -> bool:
        """Whether it was not looked at often enough to say anything: what nobody has seen has not stayed small."""
        return self.ours and math.isnan(self.slope(since))

    def _later(self, since: float) -> list[Sample]:
        return [sample for sample in self.samples if sample[0] >= since]


class Memory:
    """Looks at processes by name from a thread of its own; one that has ended has no further samples, the others do.

    Each that was named has a track, even if it was never there to be looked at.
    """

    def __init__(self, processes: Callable[[], Mapping[str, Watched]], *, seconds: float) -> None:
        self.tracks: dict[str, Track] = {}
        self._processes, self._seconds = processes, seconds
        self._failure: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="memory")

    def start(self) -> None:
        """Look from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; raises what ended the looking before: what was not looked at has not stayed small."""
        self._over.set()
        self._thread.join(30)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            while not self._over.wait(self._seconds):
                born = children_by_parent()
                for name, watched in self._processes().items():
                    self._look(name, watched, descendants(watched.pid, born))
        except Exception as error:
            self._failure = error

    def _look(self, name: str, watched: Watched, born: Iterable[int]) -> None:
        track = self.tracks.setdefault(name, Track(watched.ours))
        alone = private(watched.pid)
        if not alone:
            return
        children = sum(private(child) for child in born)
        # a child of ours is used once, and no matter for a slope
        held = alone + children if watched.family else alone
        track.samples.append((time.monotonic(), held / MB))
        track.children = max(track.children, children / MB)


def private(pid: int) -> int:
    """The bytes that only this process holds: what it shares, and pages of files, come and go with other processes.

    Nothing where it has ended.
    """
    try:
        found = psutil.Process(pid).memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(found.rss - found.shared)


def children_by_parent() -> Mapping[int, list[int]]:
    """All processes of the machine, in one look: a look for each that is measured would take a fifth of a core."""
    found: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter(["ppid"]):
        found[process.info["ppid"]].append(process.pid)
    return found


def descendants(pid: int, born: Mapping[int, list[int]]) -> Iterator[int]:
    """Children, and theirs."""
    for child in born.get(pid, ()):
        yield child
        yield from descendants(child, born)
