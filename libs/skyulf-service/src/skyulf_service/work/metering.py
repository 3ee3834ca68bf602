"""What long work and its child processes cost, as metrics and as spans."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from time import perf_counter

from opentelemetry.trace import Span, Status, StatusCode
from prometheus_client import Counter, Gauge, Histogram

from skyulf_service.telemetry.tracing import span
from skyulf_service.work.claims import Claim
from skyulf_service.work.failures import CANCELLED, CRASHED, FAILED, OUT_OF_MEMORY, TIMEOUT

WAIT_SECONDS = Histogram(
    "skyulf_work_wait_seconds",
    "Time that work was due before somebody claimed it",
    ["queue"],
    buckets=(0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600),
)
CHILD_SECONDS = Histogram(
    "skyulf_child_seconds",
    "Time of a call in a child process",
    ["function", "outcome"],
    buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600),
)
CHILD_MEMORY = Gauge("skyulf_child_memory_bytes", "Private memory of the children that run", ["function"])
CHILD_PEAK = Histogram(
    "skyulf_child_peak_memory_bytes",
    "Most private memory that a child held, as sampled ten times a second",
    ["function"],
    buckets=tuple(float(2**power) for power in range(25, 37)),
)
KILLS = Counter("skyulf_child_kills_total", "Children that did not end by themselves, by cause", ["function", "cause"])
CAUSES = frozenset({CANCELLED, CRASHED, OUT_OF_MEMORY, TIMEOUT})


def begin_waiting(queue: str) -> None:
    """Begin the series at 0: one that begins at 1 rises for nobody who looks at its increase."""
    WAIT_SECONDS.labels(queue)


def begin_calling(functions: Iterable[str]) -> None:
    """Begin the series of what this process may call in children at 0, for the same reason.

    A child may be killed before anybody looks, and one kill is enough for an alert.
    """
    for function in functions:
        for cause in CAUSES:
            KILLS.labels(_short(function), cause)


def note_wait(queue: str, claim: Claim) -> None:
    """Note how long a row had been due when it was claimed, by the database's clock."""
    due, claimed = claim.row["run_after"], claim.row["started_at"]
    if isinstance(due, datetime) and isinstance(claimed, datetime):
        WAIT_SECONDS.labels(queue).observe(max((claimed - due).total_seconds(), 0.0))


class ChildMeter:
    """One call of a function in a child: its time, its memory, its steps and how it ended."""

    def __init__(self, function: str, recorded: Span) -> None:
        self._function = _short(function)
        self._span = recorded
        self._memory = CHILD_MEMORY.labels(self._function)
        self._held = self._peak = 0
        self._step = ""
        self._began = perf_counter()
        begin_calling([function])

    def step(self, step: str) -> None:
        """The child says what it does; a new step is an event of the span."""
        if step != self._step:
            self._step = step
            self._span.add_event(step)

    def sample(self, memory: int) -> None:
        """Take in how much memory the child holds now (bytes)."""
        self._memory.inc(memory - self._held)
        self._held, self._peak = memory, max(self._peak, memory)

    def end(self, code: str | None) -> None:
        """The call is over: with a result (None), or with the code of its failure."""
        self._memory.dec(self._held)
        self._held = 0
        # codes of our own functions say what was wrong with the work, not with the child
        outcome = "result" if code is None else code if code in CAUSES else FAILED
        CHILD_SECONDS.labels(self._function, outcome).observe(perf_counter() - self._began)
        if self._peak:
            CHILD_PEAK.labels(self._function).observe(self._peak)
            self._span.set_attribute("skyulf.child.peak_memory_bytes", self._peak)
        if outcome in CAUSES:
            KILLS.labels(self._function, outcome).inc()
        if code is not None:
            self._span.set_status(Status(StatusCode.ERROR, code))


@contextmanager
def metered(function: str, pid: int) -> Iterator[ChildMeter]:
    """Meter the call of the block, as a span of the current trace: the child itself has no network to tell of it."""
    name = f"child {_short(function)}"
    with span(name, {"process.pid": pid, "code.function.name": function.replace(":", ".")}) as recorded:
        yield ChildMeter(function, recorded)


def _short(function: str) -> str:
    """The name that operators see, of ``"module:function"``."""
    return function.rpartition(":")[2]
