"""Gateway and services as processes that speak HTTPS: whom they answer, whom they believe, and when that changes."""

import asyncio
import os
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from skyulf_service.errors import UnavailableError
from skyulf_service.http.catch_up import NeighbourFeed, connecting
from skyulf_service.process import api_server
from skyulf_service.settings import SharedSettings
from skyulf_service.signing.keys import load_or_create
from skyulf_service.signing.tokens import InternalTokenIssuer
from skyulf_service.testing.certificates import Authority
from skyulf_service.testing.ports import free_port, wait_until
from skyulf_service.testing.processes import ServiceProcess
from skyulf_service.tls import LOOK_AGAIN, Authorities, serving_context
from skyulf_standalone.doctor.finding import Finding
from skyulf_standalone.doctor.running import examine_running

ADMIN = "sk_0123456789ab_" + "A" * 43
SECONDS = 10.0


class Installation:
    """A gateway and a registry with certificates of one authority; its other neighbours are for tests to serve."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "ca.crt")
        self.ports = {name: free_port() for name in ("gateway", "ingestion", "pipeline", "registry")}
        self.plain = {
            "SKYULF_HOME": str(folder / "home"),
            "SKYULF_GATEWAY_ADMIN_KEY": ADMIN,
            "SKYULF_LOG_FORMAT": "json",
        }
        self.secured = {
            **self.plain,
            **{f"SKYULF_{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
            **{f"SKYULF_{name.upper()}_URL": self.url(name) for name in self.ports},
            "SKYULF_INFERENCE_URL": f"http://127.0.0.1:{self.ports['registry']}",
            "SKYULF_FORM": "distributed",
            "SKYULF_TLS_CA_FILE": str(self.authority.file),
        }
        for name in ("gateway", "registry"):
            certificate, key = self.files(name)
            self.authority.issue(certificate, key)
            self.secured |= {f"SKYULF_{name.upper()}_TLS_CERT_FILE": str(certificate)}
            self.secured |= {f"SKYULF_{name.upper()}_TLS_KEY_FILE": str(key)}
        self.processes = [self._process(name) for name in ("registry", "gateway")]

    def url(self, service: str) -> str:
        return f"https://127.0.0.1:{self.ports[service]}"

    def files(self, name: str) -> tuple[Path, Path]:
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def migrate(self) -> None:
        with ExitStack() as stack:
            for name in ("registry", "gateway"):
                command = [sys.executable, "-m", f"skyulf_{name}.main", "migrate"]
                migration = ServiceProcess(command, name=f"migrate-{name}", folder=self.folder, env=self.plain)
                stack.enter_context(migration)
                stack.callback(migration.started().wait, 60)

    def client(self) -> httpx.AsyncClient:
        """A client with the admin key, of somebody who believes the authority."""
        headers = {"Authorization": f"Bearer {ADMIN}"}
        trust = Authorities(self.authority.file).context()
        return httpx.AsyncClient(base_url=self.url("gateway"), headers=headers, verify=trust, timeout=30)

    def ready(self, service: str) -> bool:
        try:
            trust = Authorities(self.authority.file).context()
            return httpx.get(f"{self.url(service)}/readyz", verify=trust).is_success
        except httpx.TransportError:
            return False

    def _process(self, name: str) -> ServiceProcess:
        command = [sys.executable, "-m", f"skyulf_{name}.main", "api"]
        return ServiceProcess(command, name=name, folder=self.folder, env=self.secured)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("tls"))
    made.migrate()
    registry, gateway = made.processes
    with registry, gateway:
        wait_until(lambda: made.ready("registry"), what="registry", timeout=60, alive=registry.is_alive)
        wait_until(lambda: made.ready("gateway"), what="gateway", timeout=60, alive=gateway.is_alive)
        yield made


async def test_a_listing_comes_through_both_doors(installation: Installation) -> None:
    async with installation.client() as client:
        answer = await client.get("/api/v1/models")

    assert (answer.status_code, answer.json()["items"]) == (200, [])


async def test_a_gateway_says_where_it_is(installation: Installation) -> None:
    said = (installation.folder / "home" / "credentials.json").read_text()

    assert f'"{installation.url("gateway")}"' in said


async def test_a_service_with_a_stranger_s_certificate_is_not_asked(installation: Installation, tmp_path: Path) -> None:
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    Authority(tmp_path / "ca.crt").issue(certificate, key)
    asked: list[str] = []

    async with serving(asked, installation.ports["ingestion"], serving_context(certificate, key)):
        status, problem, seconds = await timed(installation, "/api/v1/datasets")

    assert (status, problem, asked) == (503, "/problems/unavailable", [])
    assert seconds < SECONDS
    assert "neighbour.not_verified" in installation.processes[1].log_text()


async def test_a_service_without_a_certificate_is_not_asked(installation: Installation) -> None:
    asked: list[str] = []

    async with serving(asked, installation.ports["pipeline"], None):
        status, problem, seconds = await timed(installation, "/api/v1/pipelines")

    assert (status, problem, asked) == (503, "/problems/unavailable", [])
    assert seconds < SECONDS


async def test_a_plain_address_of_a_service_with_a_certificate_is_no_way(installation: Installation) -> None:
    status, problem, seconds = await timed(installation, "/api/v1/deployments/x/replicas")

    assert (status, problem) == (502, "/problems/bad-gateway")
    assert seconds < SECONDS


@pytest.mark.parametrize("service", ["gateway", "registry"])
def test_the_health_check_of_the_images_asks_by_https(installation: Installation, service: str) -> None:
    command = [sys.executable, "-m", "skyulf_service.probe", service, "api"]
    env = {**os.environ, **installation.secured}

    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout[:3]) == (0, "200"), done.stdout + done.stderr


@pytest.mark.parametrize("service", ["gateway", "registry"])
def test_plain_http_is_refused(installation: Installation, service: str) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{installation.ports[service]}/livez", timeout=SECONDS)


async def test_renewed_certificates_are_taken_up_under_requests(installation: Installation) -> None:
    addresses = {name: ("127.0.0.1", installation.ports[name]) for name in ("gateway", "registry")}
    statuses: list[int] = []

    async def shown() -> dict[str, str]:
        places = addresses.items()
        return {name: await asyncio.to_thread(ssl.get_server_certificate, place) for name, place in places}

    before = after = await shown()

    async with installation.client() as client:
        for name in addresses:
            installation.authority.issue(*installation.files(name))
        until = time.monotonic() + LOOK_AGAIN + SECONDS
        while time.monotonic() < until and any(after[name] == before[name] for name in addresses):
            statuses.append((await client.get("/api/v1/models")).status_code)
            after = await shown()
        statuses.append((await client.get("/api/v1/models")).status_code)

    assert set(statuses) == {200}
    assert [name for name in addresses if after[name] == before[name]] == []
    assert after == {name: installation.files(name)[0].read_text() for name in addresses}


async def test_a_worker_reads_the_feed_of_whom_it_believes(installation: Installation, tmp_path: Path) -> None:
    key = load_or_create(installation.folder / "home" / "keys", "gateway")
    stranger = Authority(tmp_path / "stranger.crt")

    def feed(ca_file: Path) -> NeighbourFeed:
        connect = connecting(installation.url("registry"), ca_file)
        return NeighbourFeed(connect, InternalTokenIssuer(lambda: key, "gateway"), owner="registry", reader="gateway")

    assert await feed(installation.authority.file).after(0) == ([], 0)
    with pytest.raises(UnavailableError):
        await feed(stranger.file).after(0)


async def test_doctor_believes_whom_other_commands_believe(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYULF_API_KEY", ADMIN)

    async def examined(ca_file: Path) -> Finding:
        shared = SharedSettings(home=tmp_path, form="distributed", tls_ca_file=ca_file)
        (found,) = [each async for each in examine_running(shared, url=installation.url("gateway"))]
        return found

    believed = await examined(installation.authority.file)
    stranger = await examined(Authority(tmp_path / "stranger.crt").file)
    missing = await examined(tmp_path / "missing.crt")

    assert "ingestion is" in believed.text, "its neighbours are away, which the gateway itself has said"
    assert "nobody answers" in stranger.text
    assert (missing.state, str(tmp_path / "missing.crt") in missing.text) == ("fail", True)


async def timed(installation: Installation, path: str) -> tuple[int, str, float]:
    """Status, type of the problem, and how long it took."""
    async with installation.client() as client:
        began = time.monotonic()
        answer = await client.get(path)
        return answer.status_code, answer.json()["type"], time.monotonic() - began


@asynccontextmanager
async def serving(asked: list[str], port: int, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Serve an app that notes what it is asked."""
    app = FastAPI(openapi_url=None, telemetry={"tracing": False, "metrics": False, "logs": False})

    @app.get("/{path:path}")
    async def note(path: str) -> dict[str, list[str]]:
        asked.append(path)
        return {"items": []}

    server = api_server(app, host="127.0.0.1", port=port, grace=3, drain=0.05, tls=tls)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        await task
