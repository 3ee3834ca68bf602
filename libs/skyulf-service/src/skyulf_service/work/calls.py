"""Calls of functions in child processes: watched, bounded, and stopped with all that they started."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from skyulf_service.work.failures import (
    CANCELLED,
    CRASHED,
    FAILED,
    INVALID_RESULT,
    OUT_OF_MEMORY,
    TIMEOUT,
    ChildFailedError,
)
from skyulf_service.work.memory import oom_kills
from skyulf_service.work.metering import ChildMeter, metered
from skyulf_service.work.slots import ChildSlots
from skyulf_service.work.spawned import SpawnedChild

Progress = Callable[[float, str], None]
Told = Callable[[dict[str, JsonValue]], Awaitable[None]]


class ChildRunner:
    """Runs functions in children for one piece of work, and can stop them all at once."""

    def __init__(self, slots: ChildSlots) -> None:
        self._slots = slots
        self._stopped = asyncio.Event()
        self._log: tuple[str, ...] = ()

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines that the latest call printed (all of them, up to 1 MiB, are in ``scratch/child.log``)."""
        return self._log

    def kill(self) -> None:
        """Kill what runs, and refuse further calls; they raise `ChildFailedError` with the code `cancelled`."""
        self._stopped.set()

    async def call(
        self,
        function: str,
        spec: Mapping[str, JsonValue],
        *,
        scratch: Path,
        memory_limit: int | None = None,
        deadline: datetime | timedelta | None = None,
        on_progress: Progress | None = None,
        on_told: Told | None = None,
    ) -> dict[str, JsonValue]:
        """Run ``"module:function"`` in a child and return its result.

        The function is called as ``function(spec, report)`` in the folder ``scratch``; ``report(fraction, step)`` ends
        up in ``on_progress``, each ``report.tell(object)`` in ``on_told``, one after the other. ``memory_limit``
        (bytes, of the child and all that it starts) overrides the slots'; ``deadline`` is a moment or a time from now,
        waiting for a slot included. Raises `ChildFailedError` and what ``on_told`` raises, and leaves no process
        behind however it ends.
        """
        end = None if deadline is None else asyncio.get_running_loop().time() + _seconds(deadline)
        request: dict[str, JsonValue] = {
            "function": function,
            "spec": dict(spec),
            "scratch": str(scratch),
            "max_result": self._slots.max_result,
        }
        child = await self._acquire(end)
        code: str | None = CANCELLED
        try:
            with metered(function, child.group) as meter:
                try:
                    child.log.open(scratch / "child.log")
                    limit = memory_limit or self._slots.memory_limit
                    heard = _converse(child, request, _stepping(meter, on_progress), on_told or _ignore_told)
                    message = await self._watch(child, heard, end, limit, meter)
                    code = None if message["type"] == "result" else str(message.get("code", FAILED))
                finally:
                    meter.end(code)
        finally:
            await self._slots.release(child)
            self._log = child.log.lines()
        return self._result(message)

    async def _acquire(self, end: float | None) -> SpawnedChild:
        if self._stopped.is_set():
            raise ChildFailedError(CANCELLED, "The work was stopped.")
        try:
            async with asyncio.timeout_at(end):
                return await self._slots.acquire()
        except TimeoutError:
            raise ChildFailedError(TIMEOUT, "The work did not end before its deadline.") from None

    async def _watch(
        self,
        child: SpawnedChild,
        heard: Coroutine[object, object, dict[str, JsonValue] | None],
        end: float | None,
        limit: int | None,
        meter: ChildMeter,
    ) -> dict[str, JsonValue]:
        """Wait for whichever comes first: the outcome, the exit, the stop, too much memory, the deadline."""
        kernel_kills = oom_kills()
        outcome = asyncio.create_task(heard)
        exited = asyncio.create_task(child.process.wait())
        stopped = asyncio.create_task(self._stopped.wait())
        watched: set[asyncio.Task[object]] = {outcome, exited, stopped}
        memory = None
        if limit is not None:
            memory = asyncio.create_task(self._slots.memory_exceeded(child, limit, meter.sample))
            watched.add(memory)
        try:
            left = None if end is None else max(end - asyncio.get_running_loop().time(), 0.0)
            done, _ = await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return _error(TIMEOUT, "The work did not end before its deadline.")
            if stopped in done:
                return _error(CANCELLED, "The work was stopped.")
            if memory in done and limit is not None:
                return _error(OUT_OF_MEMORY, f"The work needs more memory than its limit of {limit >> 20} MiB.")
            child.kill()  # workers that it started would keep the pipe of messages open
            message = await outcome
            if message is not None:
                return message
            await exited
            return _crash(child.process.returncode or 0, oom_kills() > kernel_kills)
        except ValueError as error:
            return _error(INVALID_RESULT, f"The child sent what is not a message: {error}.")
        finally:
            for task in watched:
                task.cancel()
            await asyncio.gather(*watched, return_exceptions=True)

    def _result(self, message: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        value = message.get("value")
        if message["type"] == "result" and isinstance(value, dict):
            return value
        raise ChildFailedError(str(message.get("code", FAILED)), str(message.get("message", "")), log=self._log)


async def _converse(
    child: SpawnedChild, request: Mapping[str, JsonValue], on_progress: Progress, on_told: Told
) -> dict[str, JsonValue] | None:
    await child.send(request)
    return await child.outcome(on_progress, on_told)


def _crash(status: int, by_kernel: bool) -> dict[str, JsonValue]:
    if status == -signal.SIGKILL and by_kernel:
        return _error(OUT_OF_MEMORY, "The system killed the work because there was no memory left.")
    if status < 0:
        return _error(CRASHED, f"The work crashed by {signal.Signals(-status).name}.")
    return _error(CRASHED, f"The work's process ended with status {status}, without a result.")


def _error(code: str, message: str) -> dict[str, JsonValue]:
    return {"type": "error", "code": code, "message": message}


def _seconds(deadline: datetime | timedelta) -> float:
    left = deadline if isinstance(deadline, timedelta) else deadline - datetime.now(UTC)
    return left.total_seconds()


def _stepping(meter: ChildMeter, on_progress: Progress | None) -> Progress:
    def progress(fraction: float, step: str) -> None:
        meter.step(step)
        if on_progress is not None:
            on_progress(fraction, step)

    return progress


async def _ignore_told(value: dict[str, JsonValue]) -> None:
    return None
