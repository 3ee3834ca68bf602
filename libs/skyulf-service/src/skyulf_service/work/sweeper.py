"""Periodic tasks of a worker, none of which may stop the others."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A task that is repeated ``every`` so many seconds. It may run in several processes at once."""

    name: str
    every: float
    run: Callable[[], Awaitable[object]]


class Sweeper:
    """Runs sweeps until it is cancelled. One that fails is logged and comes again at its next turn."""

    def __init__(self, sweeps: Sequence[Sweep]) -> None:
        self._sweeps = list(sweeps)
        self._wakes = {sweep.name: asyncio.Event() for sweep in sweeps}

    def wake(self, name: str) -> None:
        """Let a sweep come at once."""
        self._wakes[name].set()

    async def run(self) -> None:
        """Repeat all sweeps until cancelled."""
        async with asyncio.TaskGroup() as group:
            for sweep in self._sweeps:
                group.create_task(self._repeat(sweep), name=f"sweep {sweep.name}")

    async def _repeat(self, sweep: Sweep) -> None:
        wake = self._wakes[sweep.name]
        while True:
            try:
                await sweep.run()
            except Exception:
                _log.exception("sweep.failed", sweep=sweep.name)
            # jitter, so that replicas that started together do not sweep together for ever
            pause = sweep.every * random.uniform(0.9, 1.1)  # noqa: S311
            try:
                await asyncio.wait_for(wake.wait(), pause)
            except TimeoutError:
                continue
            wake.clear()
