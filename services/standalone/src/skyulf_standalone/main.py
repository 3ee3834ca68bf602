"""Composition root of the embedded form: five services in one process, with the same outbox, inbox and leases."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import cast

import structlog
from fastapi import FastAPI
from skyulf_gateway.main import build_service as build_gateway
from skyulf_gateway.main import make_first_run
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_inference.main import SERVICE as INFERENCE
from skyulf_ingestion.main import SERVICE as INGESTION
from skyulf_pipeline.main import SERVICE as PIPELINE
from skyulf_registry.main import SERVICE as REGISTRY
from skyulf_service.composition import Parts, Service
from skyulf_service.database.unit_of_work import UnitOfWork
from skyulf_service.half_restored import refuse_half_restored
from skyulf_service.messaging.in_process import InProcessTransport
from skyulf_service.process import DrainingServer, api_server
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import load_or_create
from skyulf_service.supervision import SupervisedTasks
from skyulf_service.work.supervisor import Supervisor

from skyulf_standalone.home import locked

_log = structlog.get_logger(__name__)
AnyService = Service[UnitOfWork]
Tasks = dict[str, Callable[[], Coroutine[None, None, None]]]
NEIGHBOURS: Sequence[AnyService] = tuple(
    cast("AnyService", service) for service in (INGESTION, PIPELINE, REGISTRY, INFERENCE)
)
SERVICES = ("gateway", *(service.name for service in NEIGHBOURS))


class AddressInUseError(Exception):
    """Nobody can listen on the address that was asked for."""


@dataclass
class Opened:
    """A service with its parts, in this process."""

    service: AnyService
    parts: Parts[UnitOfWork]


class Embedded:
    """Five services on one data folder. Use it once: ``await Embedded(shared).run(port=8000)``."""

    def __init__(self, shared: SharedSettings) -> None:
        self._shared = shared
        self._transport = InProcessTransport()
        self._supervisors: list[Supervisor] = []

    async def run(self, *, port: int, on_ready: Callable[[], None] | None = None) -> int:
        """Serve until SIGTERM or SIGINT; returns the exit code."""
        with locked(self._shared.home):
            refuse_half_restored(self._shared.home)
            _require_free(self._shared.host, port)
            for name in SERVICES:  # all keys first: each service trusts those that it finds
                load_or_create(self._shared.keys_folder, name)
            opened = [self._open(service) for service in NEIGHBOURS]
            apps = {each.service.name: each.service.create_api(each.parts) for each in opened}
            gateway = self._open(cast("AnyService", build_gateway(apps)), port=port)
            everyone = [*opened, gateway]
            for each in everyone:
                await each.service.prepare(each.parts)
            await make_first_run(cast("Parts[GatewayUnitOfWork]", gateway.parts))
            front = gateway.service.create_api(gateway.parts)
            try:
                return await self._serve(everyone, [*apps.values(), front], front, port, on_ready)
            finally:
                for each in everyone:
                    await each.parts.close()

    def _open(self, service: AnyService, *, port: int | None = None) -> Opened:
        known = {"shared": self._shared} if port is None else {"shared": self._shared, "port": port}
        return Opened(service, service.open(service.settings(**known)))

    async def _serve(
        self,
        everyone: Sequence[Opened],
        apps: Sequence[FastAPI],
        front: FastAPI,
        port: int,
        on_ready: Callable[[], None] | None,
    ) -> int:
        tasks = self._tasks(everyone)
        async with AsyncExitStack() as stack:
            for app in apps[:-1]:  # the server runs the lifespan of the one in front
                await stack.enter_async_context(app.router.lifespan_context(app))
            supervised = await stack.enter_async_context(SupervisedTasks(tasks, role="embedded"))
            server = api_server(front, host=self._shared.host, port=port, drain=0.0, grace=5)
            serving = asyncio.create_task(server.serve(), name="server")
            failing = asyncio.create_task(supervised.failure(), name="failure")
            ready = asyncio.create_task(_announce(server, on_ready), name="ready")
            done, _ = await asyncio.wait({serving, failing}, return_when=asyncio.FIRST_COMPLETED)
            ready.cancel()
            failing.cancel()
            for supervisor in self._supervisors:
                supervisor.stop()
            if serving in done:
                return 0 if server.started else 1
            server.should_exit = True
            await serving
            return 1

    def _tasks(self, everyone: Sequence[Opened]) -> Tasks:
        tasks: Tasks = {}
        for each in everyone:
            service, parts = each.service, each.parts
            delivery = service.delivery(parts)
            self._transport.register(delivery)
            if service.runner is not None:
                supervisor = service.runner(parts)
                self._supervisors.append(supervisor)
                parts.committed.append(supervisor.wake)
                tasks[f"{service.name} runner"] = _until_stopped(supervisor)
            relay = service.relay(parts, self._transport, alone=True)  # the folder is locked
            tasks[f"{service.name} relay"] = relay.run
            tasks[f"{service.name} housekeeping"] = service.housekeeping(parts, delivery)
            for name, run in service.worker_background(parts):
                tasks[f"{service.name} {name}"] = run
        return tasks


def _until_stopped(supervisor: Supervisor) -> Callable[[], Coroutine[None, None, None]]:
    async def run() -> None:
        await supervisor.run()
        await asyncio.Event().wait()  # stopped on purpose: wait to be cancelled with the others

    return run


async def _announce(server: DrainingServer, on_ready: Callable[[], None] | None) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.02)
    if on_ready is not None:
        on_ready()


def _require_free(host: str, port: int) -> None:
    """Say that somebody else listens there before anything is started."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressInUseError(f"Skyulf cannot listen on {host}:{port}: {error.strerror}; see --port.") from None
