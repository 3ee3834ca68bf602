"""Processes: how a role starts, what ends it, and how it goes without losing what it holds.

`run_api` serves an app; `run_role` runs the tasks of a worker or runner beside a small health endpoint. Both end with
exit code 0 after SIGTERM or SIGINT, and with another one where something broke that a restart may cure.
"""

import asyncio
import gc
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from time import monotonic
from types import FrameType

import structlog
import uvicorn
import uvloop
from fastapi import FastAPI

from skyulf_service.http.health import Check, health_router, named
from skyulf_service.http.wire import ProblemProtocol
from skyulf_service.supervision import SupervisedTasks, TaskFailedError
from skyulf_service.telemetry.metrics import LOOP_LAG
from skyulf_service.telemetry.tracing import export_now

log = structlog.get_logger(__name__)

GRACE_SECONDS = 20.0
DRAIN_SECONDS = 1.0
TICK_SECONDS = 0.1  # uvicorn's
LEAVE_SECONDS = 3.0

Tasks = Mapping[str, Callable[[], Awaitable[None]]]
Readiness = Sequence[Check | Callable[[], Awaitable[object]]]


def keep_for_good() -> None:
    """Take what lives now for what lives as long as the process.

    Python looks through everything only when it has grown by a quarter. Libraries and apps are some hundred thousand
    objects: garbage of weeks of jobs would lie beside them, and each look would stop the event loop for a tenth of a
    second. Without them both are small.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # from now on the quarter is one of what is left


class _TickingServer(uvicorn.Server):
    """A server that measures, ten times a second, how late the event loop comes back to it."""

    _ticked: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and leave what is there by then out of every look for garbage."""
        await super().startup(sockets)
        keep_for_good()

    async def on_tick(self, counter: int) -> bool:
        """Note how much later than a tenth of a second after the last tick it is."""
        now = monotonic()
        if self._ticked is not None:
            LOOP_LAG.observe(max(now - self._ticked - TICK_SECONDS, 0.0))
        self._ticked = now
        return await super().on_tick(counter)


class DrainingServer(_TickingServer):
    """A server that tells the world first: at the signal it is no longer ready, then it stops listening.

    In between it still answers, and closes each connection after its answer, so that clients and load balancers move
    on without an error. What is in flight may take the grace period.
    """

    def __init__(self, config: uvicorn.Config, *, drain: float, on_drain: Callable[[], None]) -> None:
        super().__init__(config)
        self._drain = drain
        self._on_drain = on_drain
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal; stop listening at the second."""
        if self._ends_at is not None:
            self.should_exit = True
            return
        # uvicorn would raise the signal again at the end, and the process would die of it instead of ending with 0
        self._ends_at = monotonic() + self._drain
        self._on_drain()

    async def on_tick(self, counter: int) -> bool:
        """Look ten times a second whether it is over."""
        if self._ends_at is not None and monotonic() >= self._ends_at:
            self.should_exit = True
        return await super().on_tick(counter)


class _QuietServer(_TickingServer):
    """A server that leaves signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def api_server(
    app: FastAPI,
    *,
    host: str,
    port: int,
    grace: float = GRACE_SECONDS,
    drain: float = DRAIN_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> DrainingServer:
    """Return the server of an app, for `run_api` or for a loop that runs already (``await server.serve()``)."""

    def begin_to_drain() -> None:
        app.state.draining = True

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=ProblemProtocol,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=int(grace),
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    return DrainingServer(config, drain=drain, on_drain=begin_to_drain)


def run_api(
    app: FastAPI,
    *,
    host: str,
    port: int,
    grace: float = GRACE_SECONDS,
    drain: float = DRAIN_SECONDS,
    tls: ssl.SSLContext | None = None,
) -> int:
    """Serve the app until a signal, by HTTPS alone where there is a context for it; return the exit code."""
    server = api_server(app, host=host, port=port, grace=grace, drain=drain, tls=tls)
    log.info("api.starting", host=host, port=port, scheme="http" if tls is None else "https")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve())
            log.info("api.stopped")
            leave_soon(0)  # the loop waits for its threads as well
    except SystemExit as ended:  # uvicorn's way to say that it could not start
        log.error("api.not_started", host=host, port=port)
        return int(ended.code or 1)
    return 0


def run_role(
    name: str,
    tasks: Tasks,
    *,
    health_port: int,
    health_host: str = "127.0.0.1",
    readiness: Readiness = (),
    lifespan: Callable[[], AbstractAsyncContextManager[object]] | None = None,
    grace: float = GRACE_SECONDS,
) -> int:
    """Run the tasks of a worker or runner until a signal; return the exit code.

    Each task runs for ever. One that fails because a database or broker is away is started again; one that fails
    otherwise, or returns, ends the process with 1. At the signal they are cancelled in the order given, so put what
    takes in new work first. ``lifespan`` is open around all of them.
    """
    role = _Role(name, tasks, readiness, grace)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(role.run(lifespan or nullcontext, health_host, health_port))
        leave_soon(code)
        return code


def leave_soon(code: int) -> None:
    """End the process with this code within some seconds, also where threads are in a call that does not return.

    Python waits for all threads, and one may be with a server that hangs: longer than the process has to end. What
    would be exported at Python's own end, spans that nobody has yet, is so now.
    """
    threading.Thread(target=export_now, daemon=True).start()
    leaving = threading.Timer(LEAVE_SECONDS, os._exit, [code])
    leaving.daemon = True
    leaving.start()


class _Role:
    def __init__(self, name: str, tasks: Tasks, readiness: Readiness, grace: float) -> None:
        self._name = name
        self._supervised = SupervisedTasks(tasks, role=name)
        self._readiness = [named(check) for check in readiness]
        self._grace = grace

    async def run(self, lifespan: Callable[[], AbstractAsyncContextManager[object]], host: str, port: int) -> int:
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ended.set)
        async with lifespan():
            app = self._health_app()
            server = _QuietServer(uvicorn.Config(app, host=host, port=port, log_config=None, access_log=False))
            serving = asyncio.create_task(server.serve(), name="health")
            log.info("role.started", role=self._name, health_port=port)
            code = await self._until(ended)
            app.state.draining = True
            await self._stop()
            server.should_exit = True
            await serving
        log.info("role.stopped", role=self._name, code=code)
        return code

    async def _until(self, ended: asyncio.Event) -> int:
        self._supervised.start()
        signalled = asyncio.create_task(ended.wait())
        failed = asyncio.create_task(self._supervised.failure())
        done, pending = await asyncio.wait({signalled, failed}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if signalled in done:
            return 0
        error = failed.result()
        log.error("role.failed", role=self._name, task=error.task, exc_info=error.__cause__)
        return 1

    async def _stop(self) -> None:
        stuck = await self._supervised.stop(self._grace)
        if stuck:
            log.error("role.stuck", role=self._name, tasks=stuck)
            sys.stderr.flush()
            os._exit(1)  # a task that ignores its cancelling would keep the process for ever

    def _health_app(self) -> FastAPI:
        app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False, "logs": False})
        app.state.draining = False
        running = Check("tasks", self._supervised.healthy)
        app.include_router(health_router([running, *self._readiness], lambda request: bool(request.app.state.draining)))
        return app


__all__ = ["DrainingServer", "SupervisedTasks", "TaskFailedError", "api_server", "run_api", "run_role"]
