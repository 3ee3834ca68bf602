"""A whole gateway on real sockets, in front of a small neighbour: in this process, or behind HTTP."""

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from skyulf_gateway.main import build_service, make_first_run
from skyulf_gateway.persistence.unit_of_work import GatewayUnitOfWork
from skyulf_gateway.settings import GatewaySettings
from skyulf_service.composition import Parts
from skyulf_service.process import DrainingServer, api_server
from skyulf_service.settings import SharedSettings
from skyulf_service.telemetry.logging import configure_logging
from skyulf_service.testing.ports import free_port

sys.path.insert(0, str(Path(__file__).parent))


def _load(name: str) -> ModuleType:
    """Programs that lie beside the tests are no package."""
    spec = importlib.util.spec_from_file_location(f"gateway_tests_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


neighbour_program = _load("neighbour_program")
configure_logging(service="gateway", level="warning")


@dataclass
class Gateway:
    """A running gateway, and a client with the first admin key."""

    url: str
    admin_key: str
    parts: Parts[GatewayUnitOfWork]
    app: FastAPI
    server: DrainingServer
    calls: list[str]
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.client = self.as_key(self.admin_key)

    def as_key(self, key: str | None) -> httpx.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20)

    async def new_key(self, *scopes: str, **more: object) -> str:
        body = {"name": "test", **({"scopes": list(scopes)} if scopes else {}), **more}
        answer = await self.client.post("/api/v1/api-keys", json=body)
        assert answer.status_code == 201, answer.text
        key: str = answer.json()["key"]
        return key


Start = Callable[..., AbstractAsyncContextManager[Gateway]]


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncIterator[DrainingServer]:
    server = api_server(app, host="127.0.0.1", port=port, grace=3, drain=0.05)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts gateways: `async with start(url, form="embedded" or "distributed")`."""

    @asynccontextmanager
    async def open_gateway(database_url: str, *, form: str = "embedded", **options: object) -> AsyncIterator[Gateway]:
        home = tmp_path / "home"
        port = free_port()
        shared: dict[str, object] = {"home": home, "registry_url": options.pop("registry_url", "http://127.0.0.1:9")}
        # the two cores of a test machine may stall for longer than a real network does
        options.setdefault("connect_seconds", 20)
        settings = GatewaySettings(
            shared=SharedSettings(**shared), database_url=SecretStr(database_url), port=port, **options
        )
        neighbour = neighbour_program.neighbour(home / "keys")
        neighbour_program.calls.clear()
        if form == "embedded":
            service = build_service({"registry": neighbour})
        else:
            service = build_service(document=neighbour.openapi())
        parts = service.open(settings)
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(parts.close)
            await service.prepare(parts)
            first = await make_first_run(parts)
            app = service.create_api(parts)
            server = await stack.enter_async_context(serving(app, port))
            key = first.key if first is not None else (home / "credentials.json").read_text().split('"')[7]
            gateway = Gateway(f"http://127.0.0.1:{port}", key, parts, app, server, neighbour_program.calls)
            stack.push_async_callback(gateway.client.aclose)
            yield gateway

    return open_gateway


@pytest.fixture
async def gateway(start: Start, database_url: str) -> AsyncIterator[Gateway]:
    """A gateway in the embedded form, on SQLite and on PostgreSQL."""
    async with start(database_url) as running:
        yield running


@pytest.fixture
async def quick(start: Start, sqlite_url: str) -> AsyncIterator[Gateway]:
    """A gateway in the embedded form, on SQLite: for what has nothing to do with the database."""
    async with start(sqlite_url) as running:
        yield running


@pytest.fixture
async def registry_url(tmp_path: Path) -> AsyncIterator[str]:
    """The neighbour behind HTTP, in this process."""
    port = free_port()
    async with serving(neighbour_program.neighbour(tmp_path / "home" / "keys"), port):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(params=["embedded", "distributed"])
async def either(
    request: pytest.FixtureRequest, start: Start, sqlite_url: str, registry_url: str
) -> AsyncIterator[Gateway]:
    """A gateway in each form in front of the same neighbour, on SQLite."""
    async with start(sqlite_url, form=request.param, registry_url=registry_url, silence_seconds=1.0) as running:
        yield running
