"""A running Skyulf (the embedded form in a process of its own), and a way to lose its answers."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from skyulf_client import Credentials, Skyulf
from skyulf_service.testing.ports import free_port
from skyulf_service.testing.processes import ServiceProcess

sys.path.insert(0, str(Path(__file__).parent))

from client_server import CONFIG, Running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Skyulf in one process."""
    folder, port = tmp_path_factory.mktemp("skyulf"), free_port()
    home = folder / "home"
    command = [sys.executable, "-m", "skyulf_standalone", "up", "--port", str(port)]
    env = {"SKYULF_HOME": str(home), "SKYULF_PROFILE": "testing"}
    with ServiceProcess(command, name="up", folder=folder, env=env) as process:
        process.wait_ready(f"http://127.0.0.1:{port}/readyz")
        kept = json.loads((home / "credentials.json").read_text())
        yield Running(Credentials(f"http://127.0.0.1:{port}", kept["api_key"]), home)
        assert process.terminate() == 0


@pytest.fixture
def skyulf(server: Running) -> Iterator[Skyulf]:
    """The blocking client."""
    with Skyulf(server.credentials.url, server.credentials.api_key) as client:
        yield client


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A small file that a model can be trained on."""
    file = tmp_path / "points.csv"
    lines = [f"{n % 7},{(n * 5) % 11},{'yes' if n % 7 > 3 else 'no'}" for n in range(80)]
    file.write_text("\n".join(["x,y,label", *lines, ""]))
    return file


@pytest.fixture
def config() -> Mapping[str, object]:
    """A pipeline for `table`."""
    return CONFIG
