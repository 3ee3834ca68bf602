"""Tasks that run for ever in one process: started again after an outage, ended in order."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from skyulf_service.database.engine import is_away
from skyulf_service.errors import UnavailableError
from skyulf_service.telemetry.metrics import TASK_RESTARTS

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0


class TaskFailedError(Exception):
    """A task has ended that should run for ever; the cause is what it raised (None: it returned)."""

    def __init__(self, task: str) -> None:
        super().__init__(f"the task {task} has ended")
        self.task = task


def is_transient(error: BaseException) -> bool:
    """Whether a database, broker or neighbour is away for the moment, so that trying again may help."""
    if isinstance(error, DBAPIError):
        return is_away(error)
    if isinstance(error, UnavailableError | ConnectionError | TimeoutError | PoolTimeoutError):
        return True
    if isinstance(error, BaseExceptionGroup):
        return all(is_transient(inner) for inner in error.exceptions)
    return bool(getattr(error, "retriable", False))  # aiokafka's errors say so themselves


class SupervisedTasks:
    """A few named tasks. Usable in a running loop (standalone) as well as by `process.run_role`.

    ``async with SupervisedTasks({"relay": relay.run}, role="worker"): ...``
    """

    def __init__(self, tasks: Mapping[str, Callable[[], Awaitable[None]]], *, role: str) -> None:
        self._factories = dict(tasks)
        self._role = role
        self._running: dict[str, asyncio.Task[None]] = {}
        self._away: set[str] = set()
        self._failed: asyncio.Future[TaskFailedError] | None = None

    async def __aenter__(self) -> "SupervisedTasks":
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(grace=10.0)

    def start(self) -> None:
        """Start all tasks."""
        self._failed = asyncio.get_running_loop().create_future()
        for name, factory in self._factories.items():
            self._running[name] = asyncio.create_task(self._keep(name, factory), name=name)

    async def failure(self) -> TaskFailedError:
        """Wait until a task has ended for good, and return which."""
        if self._failed is None:
            raise RuntimeError("the tasks have not been started")
        return await asyncio.shield(self._failed)

    async def healthy(self) -> bool:
        """Whether all tasks run, none waiting for something that is away."""
        return not self._away and (self._failed is None or not self._failed.done())

    async def stop(self, grace: float) -> list[str]:
        """Cancel the tasks in order, each after the one before has ended; return those still running then."""
        deadline = monotonic() + grace
        stuck: list[str] = []
        for name, task in self._running.items():
            task.cancel()
            _, pending = await asyncio.wait({task}, timeout=max(0.1, deadline - monotonic()))
            stuck.extend([name] if pending else [])
        return stuck

    async def _keep(self, name: str, factory: Callable[[], Awaitable[None]]) -> None:
        pause = FIRST_PAUSE
        while True:
            began = monotonic()
            try:
                await factory()
            except Exception as error:
                if not is_transient(error):
                    self._fail(name, error)
                    return
                log.warning("task.interrupted", role=self._role, task=name, error=repr(error)[:300], pause=pause)
            else:
                self._fail(name, None)
                return
            pause = FIRST_PAUSE if monotonic() - began > LONGEST_PAUSE else pause
            TASK_RESTARTS.labels(self._role, name).inc()
            self._away.add(name)
            await asyncio.sleep(pause)
            self._away.discard(name)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _fail(self, name: str, error: Exception | None) -> None:
        failed = TaskFailedError(name)
        failed.__cause__ = error
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(failed)
