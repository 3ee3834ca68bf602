"""How many threads may compute: what the machine has, and what the environment allows of it."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

LIMITS = ("OMP_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
"""Variables that say how many threads numeric libraries may start here."""


def thread_limit() -> int | None:
    """Return how many threads the environment allows; None where it says nothing."""
    said = [os.environ.get(name, "").split(",")[0].strip() for name in LIMITS]
    found = [int(text) for text in said if text.isdecimal() and int(text) > 0]
    return min(found, default=None)


def usable_threads() -> int:
    """Return how many threads may compute at a time: the cores that this process may use, or fewer."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, thread_limit() or cores)


def held_to(threads: int | None) -> AbstractContextManager[object]:
    """Let numeric libraries take so many threads only, within the block; None: as many as they would."""
    if threads is None:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(threads)
    return limits
